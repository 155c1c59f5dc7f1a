//! An API that knows nothing of tokens: it records each request as it arrives and agrees to every upgrade.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// The answer to the key in [`WEBSOCKET_HEADERS`] (RFC 6455, section 1.3).
const WEBSOCKET_ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What a WebSocket client sends in addition to `Connection` and `Upgrade`.
pub const WEBSOCKET_HEADERS: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

/// A running API. Stops when dropped.
pub struct RawApi {
    pub address: SocketAddr,
    recorded: Arc<Mutex<Recorded>>,
    is_stopped: Arc<AtomicBool>,
}

#[derive(Default)]
struct Recorded {
    requests: Vec<RecordedRequest>,
    tunnels: Vec<Tunnel>,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    pub head: String,
    /// The body without the framing of chunks.
    pub body: Vec<u8>,
    /// The trailer section of a chunked body.
    pub trailers: String,
}

/// A connection after 101.
#[derive(Debug, Clone)]
pub struct Tunnel {
    pub protocol: &'static str,
    pub received: Vec<u8>,
}

impl RecordedRequest {
    /// The values of the header, in any case of its name.
    pub fn header(&self, name: &str) -> Vec<&str> {
        self.headers().filter(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }

    /// The headers that a server could take for one of Latchkey's, sorted: with any character in place of a hyphen.
    pub fn identity(&self) -> Vec<(String, String)> {
        let normalize = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let is_identity = |name: &str| name.chars().map(normalize).collect::<String>().starts_with("x-auth");
        let headers = self.headers().filter(|(name, _)| is_identity(name));
        let mut headers: Vec<_> = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        headers.sort();
        headers
    }

    fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        lines.map(|(name, value)| (name, value.trim()))
    }
}

impl RawApi {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (recorded, is_stopped) = (Arc::<Mutex<Recorded>>::default(), Arc::<AtomicBool>::default());
        let (record, stop) = (Arc::clone(&recorded), Arc::clone(&is_stopped));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let record = Arc::clone(&record);
                std::thread::spawn(move || stream.is_ok_and(|stream| serve(stream, &record).is_some()));
            }
        });
        Self { address, recorded, is_stopped }
    }

    /// How many requests arrived.
    pub fn request_count(&self) -> usize {
        self.recorded.lock().unwrap().requests.len()
    }

    /// Returns the recorded requests and tunnels, and forgets them.
    pub fn take(&self) -> (Vec<RecordedRequest>, Vec<Tunnel>) {
        let Recorded { requests, tunnels } = std::mem::take(&mut *self.recorded.lock().unwrap());
        (requests, tunnels)
    }
}

impl Drop for RawApi {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// Answers each request of a connection with the head that arrived. Returns `None` at the end of the connection.
fn serve(mut stream: TcpStream, recorded: &Mutex<Recorded>) -> Option<()> {
    stream.set_read_timeout(Some(READ_TIMEOUT)).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let head = read_lines(&mut reader)?;
        let mut request = RecordedRequest { head, body: Vec::new(), trailers: String::new() };
        if !request.header("expect").is_empty() {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
        }
        if !request.header("transfer-encoding").is_empty() {
            (request.body, request.trailers) = read_chunks(&mut reader)?;
        } else if let Some(length) = request.header("content-length").first().and_then(|it| it.parse().ok()) {
            request.body.resize(length, 0);
            reader.read_exact(&mut request.body).ok()?;
        }
        let upgrade = request.header("upgrade").join(",").to_ascii_lowercase();
        let answer = request.head.clone();
        recorded.lock().unwrap().requests.push(request);
        if let Some(protocol) = ["h2c", "websocket"].into_iter().find(|protocol| upgrade.contains(protocol)) {
            return serve_tunnel(stream, reader, protocol, recorded);
        }
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
        stream.write_all(answer.as_bytes()).ok()?;
    }
}

/// Switches protocols and sends everything back that arrives.
fn serve_tunnel(
    mut stream: TcpStream,
    mut reader: BufReader<TcpStream>,
    protocol: &'static str,
    recorded: &Mutex<Recorded>,
) -> Option<()> {
    let tunnel = {
        let mut recorded = recorded.lock().unwrap();
        recorded.tunnels.push(Tunnel { protocol, received: Vec::new() });
        recorded.tunnels.len() - 1
    };
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\
         Sec-WebSocket-Accept: {WEBSOCKET_ACCEPT}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).ok()?;
    loop {
        let chunk = reader.fill_buf().ok().filter(|chunk| !chunk.is_empty())?.to_vec();
        reader.consume(chunk.len());
        if let Some(tunnel) = recorded.lock().unwrap().tunnels.get_mut(tunnel) {
            tunnel.received.extend_from_slice(&chunk);
        }
        stream.write_all(&chunk).ok()?;
    }
}

/// The lines up to an empty one, which is left out.
fn read_lines(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        if line == b"\r\n" {
            return Some(String::from_utf8_lossy(&lines).into_owned());
        }
        lines.extend_from_slice(&line);
    }
}

/// The content of a chunked body, and its trailers.
fn read_chunks(reader: &mut BufReader<TcpStream>) -> Option<(Vec<u8>, String)> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim(), 16).ok()?;
        if length == 0 {
            return Some((body, read_lines(reader)?));
        }
        let mut chunk = vec![0; length + 2];
        reader.read_exact(&mut chunk).ok()?;
        body.extend_from_slice(&chunk[..length]);
    }
}
