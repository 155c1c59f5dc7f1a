//! Connections that hold memory without being served are closed, the longest idle first.

use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;

use crate::support::TestServer;
use crate::support::wait::wait_until;

/// Bytes that connections may hold: those of the server.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Bytes of each incomplete head.
const HEAD_BYTES: usize = 126_000;

/// Returns whether the server keeps the connection. One that it answers counts as kept: the memory was held until then.
fn is_kept(stream: &TcpStream) -> bool {
    match stream.peek(&mut [0]) {
        Ok(read) => read > 0,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}

fn send_head(address: std::net::SocketAddr, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let start = "GET / HTTP/1.1\r\nHost: x\r\nCookie: ";
    // The server may close the connection before it has read everything.
    let _ = stream.write_all(format!("{start}{}", "a".repeat(length - start.len())).as_bytes());
    stream.set_nonblocking(true).unwrap();
    stream
}

#[db_test(sqlite)]
fn incomplete_heads_hold_a_bounded_number_of_bytes_and_no_other_client_notices() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    std::thread::scope(|scope| {
        // A request that is being handled from before the flood until after it.
        let permits = server.hold_password_checks();
        let browser = server.browser();
        let sign_in = scope.spawn(move || browser.sign_in("bob@example.org", crate::support::PASSWORD).status);
        server.wait_until(|server| server.rows("SELECT address AS text FROM sign_in_attempts").len() == 1);
        let mut slow = Vec::new();
        for _ in 0..400 {
            slow.push(send_head(server.address, HEAD_BYTES));
            if slow.len() % 50 == 0 {
                assert_eq!(server.call(&value).status, 200);
            }
        }
        wait_until("enough of them are closed", || {
            slow.retain(is_kept);
            slow.len() * HEAD_BYTES <= MAX_BYTES
        });
        assert_eq!(alice.get("/w/acme").status, 200);
        drop(permits);
        // On a slow machine its wait for the permits has ended.
        let status = sign_in.join().unwrap();
        assert!([303, 503].contains(&status), "a request that is handled is answered: {status}");
    });
}

#[db_test(sqlite)]
fn idle_connections_are_closed_only_if_there_are_too_many() {
    let server = TestServer::start();
    let idle: Vec<_> = (0..300).map(|_| send_head(server.address, 60)).collect();
    assert_eq!(server.browser().get("/login").status, 200);
    assert!(idle.iter().all(is_kept));
}
