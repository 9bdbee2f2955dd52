//! The first line a mail server says, for `doctor`: nothing is sent.

use std::io::{self, BufRead, BufReader, Read};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Connects to a mail server and reads its greeting, each step within `limit`, at most 512 bytes.
///
/// # Errors
/// What the last of at most four addresses answered.
pub fn greeting(host: &str, port: u16, limit: Duration) -> io::Result<String> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no address");
    for address in (host, port).to_socket_addrs()?.take(4) {
        match TcpStream::connect_timeout(&address, limit) {
            Ok(stream) => {
                stream.set_read_timeout(Some(limit))?;
                let mut line = Vec::new();
                let _ = BufReader::new(stream.take(512)).read_until(b'\n', &mut line);
                return Ok(super::told(&String::from_utf8_lossy(&line)));
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}
