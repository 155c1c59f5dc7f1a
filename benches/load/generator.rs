//! Asks, as many times as it can, on connections that stay open, one request at a time on each.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::seed::Seed;

/// How many threads ask.
const THREADS: usize = 2;

/// Which workers of the server a thread's connections lead to. The server gives each new connection to its next worker,
/// so that the order in which they are opened decides.
#[derive(Clone, Copy)]
pub enum Meet {
    /// Each thread asks all workers alike.
    Crossed,
    /// Each thread asks a worker of its own, as long as there are as many workers as threads.
    Paired,
}

impl Meet {
    /// The thread that has this one of the connections.
    fn thread(self, connection: usize, connections: usize) -> usize {
        match self {
            Self::Crossed => connection * THREADS / connections,
            Self::Paired => connection % THREADS,
        }
    }
}

/// The values that are presented.
#[derive(Clone)]
pub struct Asked {
    known: Arc<Vec<u8>>,
    /// Well-formed values that no database has; every second request presents one.
    unknown: Option<Arc<Vec<u8>>>,
    /// Each known value once, this one next, instead of any at any time.
    in_turn: Option<Arc<AtomicUsize>>,
}

impl Asked {
    pub fn known(seed: &Seed) -> Self {
        Self { known: seed.values(), unknown: None, in_turn: None }
    }

    pub fn half_unknown(seed: &Seed) -> Self {
        Self { known: seed.values(), unknown: Some(Seed::strangers(100_000)), in_turn: None }
    }

    /// The known values, each once.
    pub fn each_once(&self) -> Self {
        Self { known: Arc::clone(&self.known), unknown: None, in_turn: Some(Arc::default()) }
    }

    /// A value, and the status that the answer must have; none when every value had its turn.
    fn draw(&self, random: &mut Random) -> Option<(&[u8], u16)> {
        const LENGTH: usize = latchkey::tokens::secret::LENGTH;
        if let Some(next) = &self.in_turn {
            let value = self.known.chunks_exact(LENGTH).nth(next.fetch_add(1, Ordering::Relaxed))?;
            return Some((value, 200));
        }
        let number = random.next();
        let (values, status) = match &self.unknown {
            Some(unknown) if number & 1 == 1 => (unknown, 401),
            Some(_) | None => (&self.known, 200),
        };
        let at = usize::try_from(number >> 1).unwrap() % (values.len() / LENGTH) * LENGTH;
        Some((&values[at..at + LENGTH], status))
    }
}

/// xorshift64*: which token is next need not be a secret.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

pub struct Load<'a> {
    pub address: SocketAddr,
    pub path: &'static str,
    pub asked: &'a Asked,
    pub connections: usize,
    pub meet: Meet,
    pub time: Duration,
}

/// What came of a load.
pub struct Outcome {
    pub per_second: f64,
    /// How long each answer took, in nanoseconds.
    pub times: Vec<u32>,
}

impl Load<'_> {
    pub fn run(&self) -> Outcome {
        let mut lines: [Vec<TcpStream>; THREADS] = std::array::from_fn(|_| Vec::new());
        for connection in 0..self.connections {
            lines[self.meet.thread(connection, self.connections)].push(TcpStream::connect(self.address).unwrap());
        }
        let begun = Instant::now();
        let times: Vec<u32> = std::thread::scope(|scope| {
            let threads = lines.map(|lines| scope.spawn(|| self.ask_on_thread(lines)));
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        Outcome { per_second: times.len() as f64 / begun.elapsed().as_secs_f64(), times }
    }

    fn ask_on_thread(&self, lines: Vec<TcpStream>) -> Vec<u32> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let set = tokio::task::LocalSet::new();
        let end = Instant::now() + self.time;
        set.block_on(&runtime, async {
            let asking: Vec<_> = lines
                .into_iter()
                .map(|line| {
                    let (path, asked) = (self.path, self.asked.clone());
                    tokio::task::spawn_local(async move { ask(line, path, &asked, end).await.unwrap() })
                })
                .collect();
            let mut times = Vec::new();
            for one in asking {
                times.append(&mut one.await.unwrap());
            }
            times
        })
    }
}

async fn ask(line: TcpStream, path: &str, asked: &Asked, end: Instant) -> io::Result<Vec<u32>> {
    line.set_nodelay(true)?;
    line.set_nonblocking(true)?;
    let (own, server) = (line.local_addr()?, line.peer_addr()?);
    let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ u64::from(own.port()));
    let mut connection = tokio::net::TcpStream::from_std(line)?;
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {server}\r\nUser-Agent: python-requests/2.32.3\r\nAccept: */*\r\nAuthorization: Bearer "
    );
    let mut request = Vec::with_capacity(head.len() + 64);
    let mut answer = vec![0u8; 16 * 1024];
    let mut times = Vec::with_capacity(1 << 16);
    loop {
        let begun = Instant::now();
        if begun >= end {
            return Ok(times);
        }
        let Some((value, status)) = asked.draw(&mut random) else { return Ok(times) };
        request.clear();
        request.extend_from_slice(head.as_bytes());
        request.extend_from_slice(value);
        request.extend_from_slice(b"\r\n\r\n");
        connection.write_all(&request).await?;
        let mut filled = 0;
        let mut whole = None;
        while whole.is_none_or(|whole| filled < whole) {
            let read = connection.read(&mut answer[filled..]).await?;
            assert!(read > 0, "the server hung up");
            filled += read;
            whole = whole.or_else(|| length(&answer[..filled]));
        }
        assert_eq!(whole, Some(filled), "more than an answer");
        let said = std::str::from_utf8(&answer[9..12]).unwrap();
        assert_eq!(said.parse::<u16>().unwrap(), status, "{}", String::from_utf8_lossy(&answer[..filled]));
        times.push(u32::try_from(begun.elapsed().as_nanos()).unwrap_or(u32::MAX));
    }
}

/// How long the whole answer is, once its head is there.
fn length(answer: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"\r\ncontent-length: ";
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let at = answer[..end].windows(NAME.len()).position(|bytes| bytes.eq_ignore_ascii_case(NAME)).unwrap();
    let digits = answer[at + NAME.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(end + 4 + digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')))
}
