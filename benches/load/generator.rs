//! Closed-loop load generator: persistent connections, one outstanding request on each. It must not cost more CPU time
//! than the servers it measures.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::seed::Seed;

/// Generator threads.
const THREADS: usize = 2;

/// Assignment of connections to generator threads. The server assigns new connections to its workers in turn, so the
/// order of opening determines the worker.
#[derive(Clone, Copy)]
pub enum ConnectionLayout {
    /// Each thread has connections to all workers.
    Crossed,
    /// Each thread has connections to one worker, if there are as many workers as threads.
    Paired,
}

impl ConnectionLayout {
    /// The index of the thread that owns this connection.
    fn thread(self, connection: usize, connections: usize) -> usize {
        match self {
            Self::Crossed => connection * THREADS / connections,
            Self::Paired => connection % THREADS,
        }
    }
}

/// The token values that requests use.
#[derive(Clone)]
pub struct TokenValues {
    known: Arc<Vec<u8>>,
    /// Well-formed values that are in no database; about every second request uses one.
    unknown: Option<Arc<Vec<u8>>>,
    /// The index of the next value, if each known value is used once; otherwise values are random.
    next_index: Option<Arc<AtomicUsize>>,
}

impl TokenValues {
    pub fn known(seed: &Seed) -> Self {
        Self { known: seed.values(), unknown: None, next_index: None }
    }

    pub fn half_unknown(seed: &Seed) -> Self {
        Self { known: seed.values(), unknown: Some(Seed::unknown_values(100_000)), next_index: None }
    }

    /// Uses each known value once.
    pub fn each_once(&self) -> Self {
        Self { known: Arc::clone(&self.known), unknown: None, next_index: Some(Arc::default()) }
    }

    /// A value and the expected status; `None` after each value was used once.
    fn next_value(&self, random: &mut XorShift) -> Option<(&[u8], u16)> {
        const LENGTH: usize = latchkey::tokens::secret::LENGTH;
        if let Some(next) = &self.next_index {
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

/// xorshift64*: fast; the order of the tokens need not be unpredictable.
struct XorShift(u64);

impl XorShift {
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
    pub values: &'a TokenValues,
    pub connections: usize,
    pub layout: ConnectionLayout,
    pub time: Duration,
}

/// The measurements of one load.
pub struct Outcome {
    pub per_second: f64,
    /// Response times in nanoseconds.
    pub times: Vec<u32>,
}

impl Load<'_> {
    pub fn run(&self) -> Outcome {
        let mut connections: [Vec<TcpStream>; THREADS] = std::array::from_fn(|_| Vec::new());
        for connection in 0..self.connections {
            connections[self.layout.thread(connection, self.connections)]
                .push(TcpStream::connect(self.address).unwrap());
        }
        let start = Instant::now();
        let times: Vec<u32> = std::thread::scope(|scope| {
            let threads = connections.map(|streams| scope.spawn(|| self.run_thread(streams)));
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        Outcome { per_second: times.len() as f64 / start.elapsed().as_secs_f64(), times }
    }

    fn run_thread(&self, streams: Vec<TcpStream>) -> Vec<u32> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let set = tokio::task::LocalSet::new();
        let end = Instant::now() + self.time;
        set.block_on(&runtime, async {
            let tasks: Vec<_> = streams
                .into_iter()
                .map(|stream| {
                    let (path, values) = (self.path, self.values.clone());
                    tokio::task::spawn_local(async move { send_requests(stream, path, &values, end).await.unwrap() })
                })
                .collect();
            let mut times = Vec::new();
            for task in tasks {
                times.append(&mut task.await.unwrap());
            }
            times
        })
    }
}

async fn send_requests(stream: TcpStream, path: &str, values: &TokenValues, end: Instant) -> io::Result<Vec<u32>> {
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    let (local, server) = (stream.local_addr()?, stream.peer_addr()?);
    let mut random = XorShift(0x9E37_79B9_7F4A_7C15 ^ u64::from(local.port()));
    let mut connection = tokio::net::TcpStream::from_std(stream)?;
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {server}\r\nUser-Agent: python-requests/2.32.3\r\nAccept: */*\r\nAuthorization: Bearer "
    );
    let mut request = Vec::with_capacity(head.len() + 64);
    let mut response = vec![0u8; 16 * 1024];
    let mut times = Vec::with_capacity(1 << 16);
    loop {
        let start = Instant::now();
        if start >= end {
            return Ok(times);
        }
        let Some((value, status)) = values.next_value(&mut random) else { return Ok(times) };
        request.clear();
        request.extend_from_slice(head.as_bytes());
        request.extend_from_slice(value);
        request.extend_from_slice(b"\r\n\r\n");
        connection.write_all(&request).await?;
        let mut filled = 0;
        let mut total = None;
        while total.is_none_or(|total| filled < total) {
            let read = connection.read(&mut response[filled..]).await?;
            assert!(read > 0, "the server closed the connection");
            filled += read;
            total = total.or_else(|| response_length(&response[..filled]));
        }
        assert_eq!(total, Some(filled), "bytes after the response");
        let received = std::str::from_utf8(&response[9..12]).unwrap();
        assert_eq!(received.parse::<u16>().unwrap(), status, "{}", String::from_utf8_lossy(&response[..filled]));
        times.push(u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX));
    }
}

/// The length of the response including its head, once the head is complete.
fn response_length(response: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"\r\ncontent-length: ";
    let end = response.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let at = response[..end].windows(NAME.len()).position(|bytes| bytes.eq_ignore_ascii_case(NAME)).unwrap();
    let digits = response[at + NAME.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(end + 4 + digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')))
}
