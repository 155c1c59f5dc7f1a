//! Slow clients are disconnected and delay no other client.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::TestServer;
use crate::support::wait::wait_until;

/// How many of each kind there are.
const MANY: usize = 60;
/// How long a connection may stay open before it counts as kept: several times what the server allows.
const GENEROUS: Duration = Duration::from_mins(1);

/// What is sent at first. None of it is a whole request.
const BEGINNINGS: [&str; 6] = [
    "G",
    "GET / HTTP/1.1\r\nHost: x\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nCookie: latchkey=",
    "POST /login HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: none\r\nContent-Type: application/x-www-form-urlencoded\r\n\
     Content-Length: 900\r\n\r\nemail=",
    "POST /login HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: none\r\nContent-Type: application/x-www-form-urlencoded\r\n\
     Transfer-Encoding: chunked\r\n\r\n6\r\nemail=\r\n",
    "POST /oauth2/introspect HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
     Content-Length: 900\r\n\r\ntoken=",
];

/// Waits until the server has closed the connection; a byte more is sent now and then, which must not help.
fn wait_for_the_end(mut stream: TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let (mut said, mut chunk) = (Vec::new(), [0; 4096]);
    for _ in 0..GENEROUS.as_secs() {
        match stream.read(&mut chunk) {
            Ok(0) => return String::from_utf8_lossy(&said).into_owned(),
            Ok(read) => said.extend_from_slice(&chunk[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let _ = stream.write_all(b"x");
            }
            Err(_) => return String::from_utf8_lossy(&said).into_owned(),
        }
    }
    panic!("still open: {}", String::from_utf8_lossy(&said));
}

#[db_test]
fn slow_clients_are_disconnected_while_others_are_answered() {
    let server = TestServer::start();
    let alice = server.signed_in("alice");
    let value = server.create_token(&alice, "acme", "Reporting");
    let mut slow = Vec::new();
    for beginning in BEGINNINGS {
        for _ in 0..MANY {
            let mut stream = TcpStream::connect(server.address).unwrap();
            stream.write_all(beginning.as_bytes()).unwrap();
            slow.push((beginning, stream));
        }
    }
    // And some that say nothing at all.
    slow.extend((0..MANY).map(|_| ("", TcpStream::connect(server.address).unwrap())));
    for _ in 0..20 {
        assert_eq!(server.call(&value).status, 200);
        assert_eq!(alice.get("/w/acme/settings/tokens").status, 200);
        assert_eq!(server.browser().get("/login").status, 200);
    }
    assert_eq!(server.signed_in("bob").get("/w/acme").status, 200);

    // One of each kind is looked at to its end; the others are dropped when it has come.
    let each: Vec<_> = BEGINNINGS
        .into_iter()
        .map(|beginning| {
            let at = slow.iter().position(|(it, _)| *it == beginning).unwrap();
            slow.swap_remove(at)
        })
        .collect();
    std::thread::scope(|scope| {
        let ends: Vec<_> = each
            .into_iter()
            .map(|(beginning, stream)| {
                scope.spawn(move || {
                    let said = wait_for_the_end(stream);
                    let status = said.get(9..12).unwrap_or("");
                    assert!(["", "400", "401", "408"].contains(&status), "{beginning:?}: {said}");
                    assert!(said.matches("HTTP/1.1 ").count() <= 1, "{beginning:?}: {said}");
                })
            })
            .collect();
        wait_until("the slow clients are disconnected", || {
            assert_eq!(server.call(&value).status, 200);
            ends.iter().all(std::thread::ScopedJoinHandle::is_finished)
        });
    });
    assert_eq!(server.call(&value).status, 200);
}
