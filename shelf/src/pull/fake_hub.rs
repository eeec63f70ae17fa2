//! A hub on this machine that has one file and misbehaves on order.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// How the hub behaves.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    /// The file.
    pub(super) content: Vec<u8>,
    /// The sum that it names; empty for none.
    pub(super) sum: String,
    /// Where it sends those who ask for the bytes; empty to give them itself.
    pub(super) redirect: String,
    /// Statuses of the first answers, before it behaves.
    pub(super) statuses: Vec<u16>,
    /// Bytes after which each of the first bodies is cut off.
    pub(super) cuts: Vec<usize>,
    /// Whether it sends the whole file, whatever range is asked for.
    pub(super) ignores_ranges: bool,
    /// Whether it refuses to go on in the middle.
    pub(super) refuses_ranges: bool,
}

/// The hub; it ends when it is dropped.
pub(super) struct FakeHub {
    pub(super) base: String,
    asked: Arc<Mutex<Vec<String>>>,
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FakeHub {
    pub(super) fn open(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let done = Arc::new(AtomicBool::new(false));
        let (heard, end) = (Arc::clone(&asked), Arc::clone(&done));
        let thread = std::thread::spawn(move || {
            let mut script = script;
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let _ = script.answer(&stream.unwrap(), &heard);
            }
        });
        Self { base, asked, done, thread: Some(thread) }
    }

    /// What it was asked, in order: method, path, range and token.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for FakeHub {
    fn drop(&mut self) {
        self.done.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.base.trim_start_matches("http://"));
        let _ = self.thread.take().unwrap().join();
    }
}

impl Script {
    fn answer(&mut self, mut stream: &TcpStream, heard: &Mutex<Vec<String>>) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream).lines();
        let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
        let mut line = first.trim_end_matches(" HTTP/1.1").to_owned();
        let mut from = None;
        for header in lines {
            let header = header?.to_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(start) = header.strip_prefix("range: bytes=") {
                from = start.trim_end_matches('-').parse::<usize>().ok();
                line = format!("{line} from {}", from.unwrap());
            }
            if header.starts_with("authorization") {
                line.push_str(" with token");
            }
        }
        heard.lock().unwrap().push(line.clone());
        if !self.statuses.is_empty() {
            let status = self.statuses.remove(0);
            return write!(
                stream,
                "HTTP/1.1 {status} Scripted\r\ncontent-length: 0\r\nretry-after: 7\r\nconnection: close\r\n\r\n"
            );
        }
        let sum = if self.sum.is_empty() { String::new() } else { format!("x-linked-etag: \"{}\"\r\n", self.sum) };
        let length = self.content.len();
        if line.starts_with("HEAD") {
            let commit = "x-repo-commit: 0123456789abcdef\r\n";
            return write!(
                stream,
                "HTTP/1.1 302 Found\r\n{sum}x-linked-size: {length}\r\n{commit}location: /elsewhere\r\nconnection: close\r\n\r\n"
            );
        }
        if !self.redirect.is_empty() && !line.contains("/cdn/") {
            let to = &self.redirect;
            return write!(stream, "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
        let from = from.filter(|_| !self.ignores_ranges).unwrap_or(0);
        if from > 0 && self.refuses_ranges {
            return write!(stream, "HTTP/1.1 416 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
        let left = &self.content[from..];
        let opening = match from {
            0 => "200 OK\r\n".to_owned(),
            _ => format!("206 Partial\r\ncontent-range: bytes {from}-{}/{length}\r\n", length - 1),
        };
        write!(stream, "HTTP/1.1 {opening}content-length: {}\r\nconnection: close\r\n\r\n", left.len())?;
        let cut = if self.cuts.is_empty() { left.len() } else { self.cuts.remove(0) };
        stream.write_all(&left[..cut.min(left.len())])
    }
}
