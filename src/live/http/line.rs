//! Connections to a service: made, kept while idle, closed.
//!
//! A line that is dropped is closed at once, whatever is under way on it.

use super::{failed, tls};
use crate::live::target::TargetError;
use crate::model::target::HttpSettings;
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// A connection.
pub(super) struct Line {
    pub(super) sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// All connections to one service.
pub(super) struct Lines {
    addresses: Vec<SocketAddr>,
    /// How TLS is spoken, and to whom, if it is.
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// What the service is called in messages.
    name: String,
    timeout: Duration,
    keep: bool,
    /// The one used last is taken first, so that those no longer needed grow old and are closed by the service.
    idle: Mutex<Vec<Line>>,
    opened: AtomicU64,
}

impl Lines {
    /// Finds the service's addresses: once, so that no lookup counts as its latency.
    pub(super) fn new(settings: &HttpSettings) -> Result<Lines, TargetError> {
        let url = &settings.url;
        let name = format!("{}://{}", if url.tls { "https" } else { "http" }, url.authority);
        let (host, port) = split(&url.authority, if url.tls { 443 } else { 80 });
        let found = (host, port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        let addresses = found.map_err(|error| failed(format!("no address for {host}: {error}"), HINT))?;
        if addresses.is_empty() {
            return Err(failed(format!("no address for {host}"), HINT));
        }
        let tls = if url.tls { Some(tls::connector(settings.ca.as_deref(), host)?) } else { None };
        Ok(Lines {
            addresses,
            tls,
            name,
            timeout: Duration::from_nanos(settings.connect_timeout.nanos()),
            keep: settings.keep_alive,
            idle: Mutex::default(),
            opened: AtomicU64::new(0),
        })
    }

    /// Looks whether the service is there; the connection made is kept for the first request.
    pub(super) async fn probe(&self) -> Result<(), TargetError> {
        match self.connect().await {
            Ok(line) => self.put_back(line),
            Err(error) => {
                let hint = if error.starts_with("TLS") { tls::HINT } else { HINT };
                return Err(failed(format!("could not reach {}: {error}", self.name), hint));
            }
        }
        Ok(())
    }

    /// An idle line that still stands.
    pub(super) async fn take_idle(&self) -> Option<Line> {
        loop {
            let mut line = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if line.sender.ready().await.is_ok() {
                return Some(line);
            }
        }
    }

    /// Keeps a line for another request.
    pub(super) fn put_back(&self, line: Line) {
        if self.keep && !line.sender.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    }

    /// A new line.
    pub(super) async fn connect(&self) -> Result<Line, String> {
        let made = tokio::time::timeout(self.timeout, async {
            let tcp = self.tcp().await.map_err(|error| plain(&error))?;
            match &self.tls {
                None => drive(tcp).await,
                Some((connector, host)) => {
                    let secure = connector.connect(host.clone(), tcp).await;
                    drive(secure.map_err(|error| tls::why(&error))?).await
                }
            }
        });
        let line = made.await.unwrap_or_else(|_| Err(format!("no connection after {:?}", self.timeout)))?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(line)
    }

    /// The first address that answers.
    async fn tcp(&self) -> io::Result<TcpStream> {
        let mut last = None;
        for address in &self.addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // A small request must not wait for the answer to the one before it.
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::other("no address")))
    }

    /// Connections made so far.
    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }
}

const HINT: &str = "start the service, or give another address: --set target.http.url=\"http://…\"";

/// Host and port of an authority; brackets of an address of version 6 left out.
fn split(authority: &str, port: u16) -> (&str, u16) {
    let (host, port) = match authority.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
        Some((host, given)) => (host, given.parse().unwrap_or(port)),
        None => (authority, port),
    };
    (host.trim_start_matches('[').trim_end_matches(']'), port)
}

/// A message of the operating system without its number.
pub(super) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// Speaks HTTP over a stream.
async fn drive(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Line, String> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    // How the connection ends is told to the request that is under way on it.
    let driver = tokio::spawn(async move { drop(connection.await) }).abort_handle();
    Ok(Line { sender, driver })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_have_a_port() {
        assert_eq!(split("localhost", 80), ("localhost", 80));
        assert_eq!(split("10.0.0.1:8080", 80), ("10.0.0.1", 8080));
        assert_eq!(split("[::1]:81", 80), ("::1", 81));
        assert_eq!(split("[::1]", 443), ("::1", 443));
    }
}
