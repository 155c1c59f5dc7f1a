//! Ends connections on which nothing comes to an end. The server's own limits begin with a connection's first request,
//! and with the pause after an answer; whoever begins another request and never finishes its head is under neither.

use std::any::Any;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::rt::net::TcpStream;
use tokio::sync::oneshot;

/// What has happened on a connection: how many requests began and how many were answered, in one number that is odd
/// while one is at work.
struct RequestCounter {
    turns: Arc<AtomicU64>,
    /// Dropped with the connection.
    _here: oneshot::Sender<()>,
}

/// Watches each new connection: one on which no request began or ended for as long as `patience`, and none is at work, is
/// cut off.
pub fn close_idle(patience: Duration) -> impl Fn(&dyn Any, &mut Extensions) + Clone + Send + Sync + 'static {
    move |stream, about| {
        let Some(stream) = stream.downcast_ref::<TcpStream>() else { return };
        // A second handle to the same socket, closed when the connection is.
        let Ok(handle) = stream.as_fd().try_clone_to_owned() else {
            log::warn!("a connection can't be watched: too many are open");
            return;
        };
        let stream = std::net::TcpStream::from(handle);
        let (here, mut gone) = oneshot::channel::<()>();
        let turns = Arc::new(AtomicU64::new(0));
        about.insert(RequestCounter { turns: Arc::clone(&turns), _here: here });
        actix_web::rt::spawn(async move {
            let mut seen = 0;
            while tokio::time::timeout(patience, &mut gone).await.is_err() {
                let now = turns.load(Ordering::Relaxed);
                if now == seen && now.is_multiple_of(2) {
                    // Gone already, or cut off: both are what is wanted.
                    let _ = stream.shutdown(std::net::Shutdown::Both);
                    return;
                }
                seen = now;
            }
        });
    }
}

/// A request at work, until it is dropped.
pub struct RequestGuard(Option<Arc<AtomicU64>>);

/// Tells [`close_idle`] that a request has begun.
#[must_use]
pub fn request_guard(request: &ServiceRequest) -> RequestGuard {
    let turn = RequestGuard(request.conn_data::<RequestCounter>().map(|it| Arc::clone(&it.turns)));
    turn.count();
    turn
}

impl RequestGuard {
    fn count(&self) {
        if let Some(turns) = &self.0 {
            turns.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::{App, HttpServer, middleware, rt, web};
    use std::io::{Read as _, Write as _};

    const PATIENCE: Duration = Duration::from_millis(200);

    /// Sends `parts` with `pause` between them, and says what was answered before the server closed the connection.
    fn tell(address: std::net::SocketAddr, parts: &[&str], pause: Duration) -> String {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        for part in parts {
            if stream.write_all(part.as_bytes()).is_err() {
                break;
            }
            #[expect(clippy::disallowed_methods, reason = "a client's thread")]
            std::thread::sleep(pause);
        }
        let mut said = String::new();
        let ended = stream.read_to_string(&mut said);
        assert!(
            ended.is_ok() || ended.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset),
            "still open: {said}"
        );
        said
    }

    #[actix_web::test]
    async fn a_request_that_never_ends_ends_its_connection_and_a_slow_answer_does_not() {
        let server = HttpServer::new(|| {
            let slow = web::get().to(async || {
                rt::time::sleep(PATIENCE * 5).await;
                "slow"
            });
            let quick = web::get().to(async || "quick");
            let counted = async |request: ServiceRequest, next: middleware::Next<_>| {
                let _turn = request_guard(&request);
                next.call(request).await
            };
            App::new().route("/", quick).route("/slow", slow).wrap(middleware::from_fn(counted))
        })
        .workers(1)
        // The server's own limits would hide what is looked at.
        .keep_alive(Duration::from_mins(10))
        .client_request_timeout(Duration::from_mins(10))
        .on_connect(close_idle(PATIENCE))
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        rt::spawn(server);
        let told = rt::task::spawn_blocking(move || {
            let request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
            let trickle: Vec<&str> = std::iter::once(request).chain(std::iter::repeat_n("X", 40)).collect();
            [
                tell(address, &[], Duration::ZERO),
                tell(address, &[request, "GET / HT"], Duration::ZERO),
                tell(address, &trickle, PATIENCE / 4),
                tell(address, &["GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"], Duration::ZERO),
            ]
        });
        let [nothing, half, trickled, slow] = told.await.unwrap();
        assert_eq!(nothing, "");
        assert!(half.ends_with("quick") && half.matches("HTTP/1.1").count() == 1, "{half}");
        assert!(trickled.ends_with("quick") || trickled.is_empty(), "{trickled}");
        assert!(slow.ends_with("slow"), "{slow}");
        handle.stop(false).await;
    }
}
