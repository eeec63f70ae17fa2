//! Speaks to a hub: what a file is, and its bytes from a place on.
//!
//! Promises: at most five redirects, never from https to http; the token goes to the hub alone;
//! every wait has an end. Deliberately absent: retries (`mod.rs`), and anything on the disk.

use super::error::PullError;
use super::{Cut, Want};
use crate::checksum::Checksum;
use hob_core::units::Bytes;
use std::time::Duration;
use ureq::http::{Response, header::HeaderMap};
use ureq::{Agent, Body};

const MOST_REDIRECTS: u32 = 5;
const CONNECT: Duration = Duration::from_secs(15);
const ANSWER: Duration = Duration::from_secs(30);
/// One request brings bytes for so long; then another goes on where it stopped. A stalled line is
/// noticed no later.
const BODY: Duration = Duration::from_mins(5);

/// A hub, and how it is asked.
pub struct Hub {
    /// Where it is, without a slash at the end.
    base: String,
    /// Sent to the hub alone.
    token: Option<String>,
    /// The largest file that is taken.
    pub largest: Bytes,
    /// Failures in a row after which a pull gives up.
    pub tries: u32,
    /// Waits for so long between tries.
    pub pause: fn(Duration),
    agent: Agent,
}

/// What the hub says about a file.
#[derive(Debug)]
pub(super) struct Promised {
    pub(super) bytes: Bytes,
    pub(super) sha256: Option<Checksum>,
    /// The commit that `revision` stands for, so that all parts come from one version.
    pub(super) commit: Option<String>,
}

impl Hub {
    /// Where models come from unless told otherwise.
    pub const HUGGING_FACE: &'static str = "https://huggingface.co";

    /// A hub at `base` (`HF_ENDPOINT`), with an access token (`HF_TOKEN`) if one is needed. Takes
    /// files up to 8 GiB, gives up after 6 failures in a row. Proxies of the environment are used,
    /// but not for a hub on this machine.
    #[must_use]
    pub fn new(base: &str, token: Option<String>) -> Self {
        let mut config = Agent::config_builder()
            .user_agent(concat!("hob/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            .timeout_recv_body(Some(BODY))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false);
        let host = origin(base).rsplit('/').next().unwrap_or_default();
        if host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]") {
            config = config.proxy(None);
        }
        Self {
            base: base.trim_end_matches('/').to_owned(),
            token,
            largest: Bytes::from_mebibytes(8 << 10),
            tries: 6,
            pause: std::thread::park_timeout,
            agent: config.build().into(),
        }
    }

    /// The address of a file.
    pub(super) fn url(&self, want: &Want, revision: &str) -> String {
        format!("{}/{}/resolve/{revision}/{}", self.base, want.repo, want.file)
    }

    /// Asks what the file at `url` is.
    pub(super) fn look(&self, url: &str) -> Result<Promised, Cut> {
        let response = self.ask("HEAD", url, None)?;
        let headers = response.headers();
        let linked = headers.contains_key("x-linked-etag");
        if !linked {
            judge(url, &response)?;
        }
        let size = text(headers, if linked { "x-linked-size" } else { "content-length" });
        let sum = text(headers, if linked { "x-linked-etag" } else { "etag" });
        let Some(bytes) = size.and_then(|size| size.parse().ok()).filter(|bytes| *bytes > 0) else {
            return Err(Cut::Final(PullError::Unchecked { url: url.to_owned(), what: "its size" }));
        };
        let bare = |sum: &str| sum.trim_start_matches("W/").trim_matches('"').parse().ok();
        let commit = text(headers, "x-repo-commit").filter(|commit| commit.bytes().all(|byte| byte.is_ascii_hexdigit()));
        Ok(Promised { bytes: Bytes(bytes), sha256: sum.and_then(bare), commit: commit.map(str::to_owned) })
    }

    /// Asks for the bytes from `from` on. The status is 200 (all of them come) or 206.
    pub(super) fn open(&self, url: &str, from: Bytes) -> Result<Response<Body>, Cut> {
        let response = self.ask("GET", url, Some(from).filter(|from| from.0 > 0))?;
        if response.status().as_u16() == 416 {
            return Err(Cut::Restart);
        }
        judge(url, &response)?;
        if response.status().as_u16() == 206 && range_start(response.headers()) != Some(from.0) {
            return Err(Cut::Restart);
        }
        Ok(response)
    }

    fn ask(&self, method: &str, url: &str, from: Option<Bytes>) -> Result<Response<Body>, Cut> {
        let mut at = url.to_owned();
        for _ in 0..=MOST_REDIRECTS {
            let mut request = if method == "HEAD" { self.agent.head(&at) } else { self.agent.get(&at) };
            if let (Some(token), true) = (&self.token, origin(&at) == origin(&self.base)) {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            if let Some(from) = from {
                request = request.header("range", format!("bytes={}-", from.0));
            }
            // The sum is of the file as it is, so nothing may pack it on the way.
            let response =
                request.header("accept-encoding", "identity").call().map_err(|error| Cut::Again(error.to_string(), None))?;
            let described = method == "HEAD" && response.headers().contains_key("x-linked-etag");
            if !response.status().is_redirection() || described {
                return Ok(response);
            }
            let to = text(response.headers(), "location").unwrap_or_default();
            at = join(&at, to).map_err(|why| {
                Cut::Final(PullError::BadRedirect { url: url.to_owned(), to: to.chars().take(200).collect(), why })
            })?;
        }
        Err(Cut::Final(PullError::BadRedirect { url: url.to_owned(), to: at, why: "too many redirects" }))
    }
}

/// Sorts statuses: fine, worth another try, or final.
fn judge(url: &str, response: &Response<Body>) -> Result<(), Cut> {
    let url = || url.to_owned();
    match response.status().as_u16() {
        200 | 206 => Ok(()),
        404 | 410 => Err(Cut::Final(PullError::NotThere { url: url() })),
        status @ (401 | 403) => Err(Cut::Final(PullError::NotAllowed { url: url(), status })),
        status @ (408 | 425 | 429 | 500..=599) => {
            let wait = text(response.headers(), "retry-after").and_then(|seconds| seconds.parse().ok());
            Err(Cut::Again(format!("HTTP status {status}"), wait.map(Duration::from_secs)))
        }
        status => Err(Cut::Final(PullError::Refused { url: url(), status })),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Where a partial answer starts: `bytes 5-9/10` starts at 5.
fn range_start(headers: &HeaderMap) -> Option<u64> {
    text(headers, "content-range")?.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

/// Scheme, host and port of an address.
fn origin(url: &str) -> &str {
    let rest = url.find("://").map_or(0, |scheme| scheme.saturating_add(3));
    let end = url.get(rest..).and_then(|rest| rest.find(['/', '?', '#'])).map_or(url.len(), |end| rest.saturating_add(end));
    url.get(..end).unwrap_or(url)
}

/// The address that `to` means when `at` redirects to it.
fn join(at: &str, to: &str) -> Result<String, &'static str> {
    let url = if to.starts_with("//") {
        format!("{}:{to}", at.split(':').next().unwrap_or("https"))
    } else if to.starts_with('/') {
        format!("{}{to}", origin(at))
    } else {
        to.to_owned()
    };
    match (url.starts_with("https://"), url.starts_with("http://")) {
        (true, _) => Ok(url),
        (_, true) if at.starts_with("https://") => Err("it leaves https"),
        (_, true) => Ok(url),
        _ => Err("it is no web address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_followed_within_the_web_and_never_down_to_http() {
        let table = [
            ("https://a.b/x", "https://c.d/y", Ok("https://c.d/y")),
            ("https://a.b:8/x?q", "/y?z", Ok("https://a.b:8/y?z")),
            ("http://a.b", "/y", Ok("http://a.b/y")),
            ("https://a.b/x", "//c.d/y", Ok("https://c.d/y")),
            ("http://a.b/x", "http://c.d/y", Ok("http://c.d/y")),
            ("http://a.b/x", "https://c.d/y", Ok("https://c.d/y")),
            ("https://a.b/x", "http://c.d/y", Err("it leaves https")),
            ("https://a.b/x", "//c.d", Ok("https://c.d")),
            ("https://a.b/x", "file:///etc/passwd", Err("it is no web address")),
            ("https://a.b/x", "y", Err("it is no web address")),
            ("https://a.b/x", "", Err("it is no web address")),
        ];
        for (at, to, expected) in table {
            assert_eq!(join(at, to), expected.map(str::to_owned), "{at} to {to}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert_eq!(origin("https://a.b:80/c/d?e"), "https://a.b:80");
        assert_eq!(origin("https://a.b"), "https://a.b");
        assert_eq!(origin("https://a.b@evil.c/x"), "https://a.b@evil.c", "which is not https://a.b");
    }
}
