//! The socket of a connection. It reads no further than the request that is being handled: the library would parse up to
//! 128 KiB of requests that a client sends ahead, which takes 2.6 MB.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::web::connections::{Connection, Phase};

/// Maximum number of bytes that the library parses at once, so the maximum length of requests sent ahead.
const MAX_READ_BYTES: usize = 1024;

/// A connection's socket.
#[derive(Debug)]
pub(crate) struct ConnectionStream {
    tcp: TcpStream,
    connection: Rc<Connection>,
    /// The library must parse what it has read before it reads more.
    is_read_paused: bool,
    /// The client does not read the response, so no request is read.
    is_write_blocked: bool,
}

impl ConnectionStream {
    /// Combines a socket with its connection.
    pub(crate) fn new(tcp: TcpStream, connection: Rc<Connection>) -> Self {
        Self { tcp, connection, is_read_paused: false, is_write_blocked: false }
    }

    /// The connection, for its requests.
    pub(crate) fn connection(&self) -> Rc<Connection> {
        Rc::clone(&self.connection)
    }
}

/// Returns the length up to the end of the first empty line, which ends a head: what follows must not be parsed with it. The
/// line can begin before `bytes`. Without an empty line, the length of `bytes`.
fn end_of_head(bytes: &[u8]) -> usize {
    let start = if bytes.starts_with(b"\r\n") { 2 } else { usize::from(bytes.starts_with(b"\n")) };
    if start > 0 {
        return start;
    }
    let ends = |at: usize| match &bytes[at..] {
        [b'\n', b'\n', ..] => Some(at + 2),
        [b'\n', b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    };
    (0..bytes.len()).find_map(ends).unwrap_or(bytes.len())
}

impl AsyncRead for ConnectionStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.connection.is_closed() {
            return Poll::Ready(Ok(()));
        }
        this.connection.set_waker(cx.waker());
        if this.connection.phase() == Phase::Handling || this.is_write_blocked {
            // Notices a connection that was reset, as reading would.
            std::task::ready!(this.tcp.poll_peek(cx, &mut ReadBuf::new(&mut [0])))?;
            this.connection.park();
            return Poll::Pending;
        }
        if std::mem::take(&mut this.is_read_paused) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut length = buffer.remaining().min(MAX_READ_BYTES);
        if this.connection.phase() == Phase::Waiting && this.connection.input() > MAX_READ_BYTES {
            // The library parses a head again with each part, so the parts of a long one grow.
            let ahead = buffer.initialize_unfilled_to(buffer.remaining().min(this.connection.input()));
            let peeked = std::task::ready!(this.tcp.poll_peek(cx, &mut ReadBuf::new(ahead)))?;
            length = end_of_head(&ahead[..peeked]).max(1);
        }
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(length));
        std::task::ready!(Pin::new(&mut this.tcp).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        buffer.advance(read);
        this.is_read_paused = read == length;
        this.connection.count_input(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ConnectionStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.connection.is_closed() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let written = Pin::new(&mut this.tcp).poll_write(cx, bytes);
        let count = if let Poll::Ready(Ok(count)) = written { count } else { 0 };
        this.connection.count_output(bytes.len(), count);
        this.is_write_blocked = written.is_pending();
        if !this.is_write_blocked {
            this.connection.unpark();
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}

impl Drop for ConnectionStream {
    fn drop(&mut self) {
        self.connection.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::connections::{ConnectionLimits, Connections, PhaseGuard};
    use std::io::{Read as _, Write as _};
    use std::task::Waker;
    use std::time::Duration;

    const LIMITS: ConnectionLimits = ConnectionLimits {
        held_bytes: usize::MAX / 4,
        connections: 1000,
        head_timeout: Duration::from_mins(10),
        idle_timeout: Duration::from_mins(10),
    };

    /// A stream, its client, and a list that must live as long.
    fn connect() -> (ConnectionStream, std::net::TcpStream, Rc<Connections>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let accepted = listener.accept().unwrap().0;
        accepted.set_nonblocking(true).unwrap();
        let connections = Connections::start(LIMITS);
        let connection = connections.add().unwrap();
        (ConnectionStream::new(TcpStream::from_std(accepted).unwrap(), connection), client, connections)
    }

    /// Reads until the stream is pending, as the library does each time it is woken. `None` at the end of the stream.
    fn read(stream: &mut ConnectionStream) -> Option<usize> {
        let (mut bytes, mut total) = (vec![0; 64 * 1024], 0);
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut *stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer) {
                Poll::Ready(read) => read.unwrap(),
                Poll::Pending => return Some(total),
            }
            match buffer.filled().len() {
                0 => return None,
                length => total += length,
            }
        }
    }

    async fn read_something(stream: &mut ConnectionStream) -> usize {
        loop {
            match read(stream).unwrap() {
                0 => actix_web::rt::task::yield_now().await,
                length => return length,
            }
        }
    }

    #[actix_web::test]
    async fn what_a_client_sends_ahead_is_not_read_before_the_response() {
        let (mut stream, mut client, _connections) = connect();
        client.write_all(&vec![b'x'; 50_000]).unwrap();
        assert_eq!(read_something(&mut stream).await, MAX_READ_BYTES, "as much as is parsed at once");
        let handling = PhaseGuard::handling(&stream.connection);
        for _ in 0..100 {
            assert_eq!(read(&mut stream), Some(0), "while the request is handled");
            actix_web::rt::task::yield_now().await;
        }
        let reading = PhaseGuard::reading_body(&stream.connection);
        assert_eq!(read_something(&mut stream).await, MAX_READ_BYTES, "its body");
        drop(reading);
        assert_eq!(read(&mut stream), Some(0), "after the body");
        drop(handling);
        assert_eq!(read_something(&mut stream).await, MAX_READ_BYTES, "the next request");
    }

    #[actix_web::test]
    async fn a_long_head_is_read_in_growing_parts_up_to_its_end() {
        let (mut stream, mut client, _connections) = connect();
        let head = format!("GET / HTTP/1.1\r\nCookie: {}\r\n\r\n", "a".repeat(40_000));
        client.write_all(format!("{head}GET / HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
        let mut parts = Vec::new();
        while parts.iter().sum::<usize>() < head.len() {
            parts.push(read_something(&mut stream).await);
        }
        assert_eq!(parts.iter().sum::<usize>(), head.len(), "{parts:?}");
        assert!(parts.len() < 10, "{parts:?}");
    }

    #[test]
    fn a_head_ends_after_an_empty_line() {
        for (bytes, end) in [
            ("a\r\nb\r\n\r\nGET /", 8),
            ("a\nb\n\nGET /", 5),
            ("a\n\r\nGET /", 4),
            ("\r\nGET /", 2),
            ("\nGET /", 1),
            ("a\r\nb\r\n\r", 7),
            ("a: b", 4),
            ("", 0),
        ] {
            assert_eq!(end_of_head(bytes.as_bytes()), end, "{bytes:?}");
        }
    }

    #[actix_web::test]
    async fn nothing_is_read_from_a_client_that_does_not_read() {
        let (mut stream, mut client, _connections) = connect();
        client.write_all(&vec![b'x'; 50_000]).unwrap();
        read_something(&mut stream).await;
        let page = vec![b'y'; 100_000];
        let mut written = 0;
        let mut write = |stream: &mut ConnectionStream| {
            let context = &mut Context::from_waker(Waker::noop());
            Pin::new(stream).poll_write(context, &page).map(|length| written += length.unwrap()).is_ready()
        };
        while write(&mut stream) {}
        assert_eq!(read(&mut stream), Some(0));
        client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        while !write(&mut stream) {
            client.read_exact(&mut vec![0; 50_000]).unwrap();
            actix_web::rt::task::yield_now().await;
        }
        read_something(&mut stream).await;
    }
}
