//! A small HTTP server on the loopback interface, one connection per request.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What a client asked for.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    headers: Vec<(String, String)>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first byte that is asked for, if it is not simply the first of all.
    pub fn range(&self) -> Option<usize> {
        let range = self
            .header("range")?
            .strip_prefix("bytes=")?
            .strip_suffix('-')?;
        Some(range.parse().expect("a client asks from a byte to the end"))
    }
}

/// What it gets.
#[derive(Debug, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// Bytes of the body after which the line goes dead.
    pub broken: Option<Broken>,
}

/// How a line goes dead.
#[derive(Clone, Copy, Debug)]
pub enum Broken {
    /// The connection is closed after so many bytes.
    CutAfter(usize),
    /// Nothing comes any more after so many bytes.
    SilentAfter(usize),
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub fn broken(mut self, broken: Broken) -> Self {
        self.broken = Some(broken);
        self
    }

    /// `content`, or the rest of it that the request asks for.
    pub fn content(request: &Request, content: &[u8]) -> Self {
        let Some(from) = request.range() else {
            let body = content.to_vec();
            return Self {
                status: 200,
                body,
                ..Self::default()
            };
        };
        let (last, total) = (content.len() - 1, content.len());
        let reply = Self {
            status: 206,
            body: content[from..].to_vec(),
            ..Self::default()
        };
        reply.header("content-range", format!("bytes {from}-{last}/{total}"))
    }
}

/// A server that answers until the test ends.
pub struct Server {
    pub port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), Arc::clone(&seen));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                thread::spawn(move || serve(stream.unwrap(), &*answer, &log));
            }
        });
        Self { port, seen }
    }

    /// Every request so far, in order.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, answer: &dyn Fn(&Request) -> Reply, log: &Mutex<Vec<Request>>) {
    let Some(request) = read(&stream) else {
        return;
    };
    log.lock().unwrap().push(request.clone());
    let reply = answer(&request);
    let mut head = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("content-length: {}\r\n\r\n", reply.body.len());
    let body = match (request.method.as_str(), reply.broken) {
        ("HEAD", _) => &[],
        (_, None) => reply.body.as_slice(),
        (_, Some(Broken::CutAfter(bytes) | Broken::SilentAfter(bytes))) => &reply.body[..bytes],
    };
    // A client may go away at any time; that is its own affair.
    let _ = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body));
    if let Some(Broken::SilentAfter(_)) = reply.broken {
        thread::sleep(Duration::from_secs(30));
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let headers = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_lowercase(), value.trim().to_owned()))
        });
    let headers = headers.collect();
    Some(Request {
        method,
        path,
        headers,
    })
}
