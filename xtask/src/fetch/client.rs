//! Requests to the hub, and what its answers say of a file.

use std::time::Duration;

use ureq::config::RedirectAuthHeaders;
use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, ETAG, LOCATION, RANGE};
use ureq::http::{HeaderMap, Response, StatusCode, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::typestate::WithoutBody;
use ureq::{Agent, Body, BodyReader, RequestBuilder};

use super::error::FetchError;

/// The longest wait for a server to be reached.
const CONNECT: Duration = Duration::from_secs(20);
/// The longest silence in the middle of an answer.
const SILENCE: Duration = Duration::from_secs(60);
/// Redirections within the hub, as for a repository that was renamed.
const HOPS: usize = 5;

/// Speaks HTTP with the hub and with the stores it redirects to.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    token: Option<String>,
}

/// What the hub says of a file before it is asked for the content.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Announcement {
    /// The commit that the file is of.
    pub(crate) commit: Option<String>,
    /// SHA-256 of the content, which the hub gives for every large file.
    pub(crate) sha256: Option<String>,
    /// Length in bytes.
    pub(crate) bytes: Option<u64>,
}

/// The content of a file, from some byte on.
pub(crate) struct Content {
    /// Number of the first byte that it holds.
    pub(crate) from: u64,
    /// The bytes.
    pub(crate) reader: BodyReader<'static>,
}

impl Client {
    /// A client that shows `token`, if there is one, to the hub and to nobody else.
    pub(crate) fn new(token: Option<String>) -> Self {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .redirect_auth_headers(RedirectAuthHeaders::SameHost)
            .accept_encoding("identity") // A compressed answer has other lengths and ranges.
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(SILENCE))
            .user_agent(concat!("c3/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.into(),
            token,
        }
    }

    /// Asks for everything about a file but its content.
    pub(crate) fn announce(&self, url: &str) -> Result<Announcement, FetchError> {
        let mut announcement = Announcement::default();
        let mut here = url.to_owned();
        for _ in 0..HOPS {
            // A redirection out of the hub leads to the content: what is told is told before.
            let request = self.agent.head(&here).config().max_redirects(0).build();
            let response = self.call(request, url)?;
            announcement.add(response.headers(), response.status());
            match redirection(&response, &here) {
                Some(within) => here = within,
                None => return Ok(announcement),
            }
        }
        Err(FetchError::Roundabout {
            url: url.to_owned(),
        })
    }

    /// Asks for the content of a file from byte `from` on.
    ///
    /// A server that cannot start in the middle starts at byte 0.
    pub(crate) fn content(&self, url: &str, from: u64) -> Result<Content, FetchError> {
        let mut request = self.agent.get(url);
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let response = self.call(request, url)?;
        let from = first_byte(&response);
        Ok(Content {
            from,
            reader: response.into_body().into_reader(),
        })
    }

    fn call(
        &self,
        request: RequestBuilder<WithoutBody>,
        url: &str,
    ) -> Result<Response<Body>, FetchError> {
        let request = match &self.token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        };
        let url = || url.to_owned();
        let answer = request.call();
        let response = answer.map_err(|cause| FetchError::NoAnswer { url: url(), cause })?;
        match response.status().as_u16() {
            200..=399 => Ok(response),
            404 => Err(FetchError::NotFound { url: url() }),
            status @ (401 | 403) => Err(FetchError::Refused { url: url(), status }),
            status => Err(FetchError::Status { url: url(), status }),
        }
    }
}

impl Announcement {
    /// Adds what an answer says; what the hub says of the linked content outranks the rest.
    fn add(&mut self, headers: &HeaderMap, status: StatusCode) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let hash = |name: &str| {
            let tag = text(name)?.trim_start_matches("W/").trim_matches('"');
            is_hexadecimal(tag, 64).then(|| tag.to_owned())
        };
        let length = |name: &str| text(name)?.parse().ok();
        let commit = text("x-repo-commit").filter(|commit| is_hexadecimal(commit, 40));
        self.commit = self.commit.take().or(commit.map(str::to_owned));
        self.sha256 = self.sha256.take().or_else(|| hash("x-linked-etag"));
        self.bytes = self.bytes.or_else(|| length("x-linked-size"));
        if status.is_success() {
            self.sha256 = self.sha256.take().or_else(|| hash(ETAG.as_str()));
            self.bytes = self.bytes.or_else(|| length(CONTENT_LENGTH.as_str()));
        }
    }
}

/// Where an answer to `here` sends us, if that is a path on the same server.
fn redirection(response: &Response<Body>, here: &str) -> Option<String> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let is_path = location.starts_with('/') && !location.starts_with("//");
    let here: Uri = here.parse().ok()?;
    let (scheme, server) = (here.scheme_str()?, here.authority()?);
    (response.status().is_redirection() && is_path)
        .then(|| format!("{scheme}://{server}{location}"))
}

/// The number of the first byte of an answer's body.
fn first_byte(response: &Response<Body>) -> u64 {
    if response.status() != StatusCode::PARTIAL_CONTENT {
        return 0;
    }
    let range = response
        .headers()
        .get(CONTENT_RANGE)
        .and_then(|range| range.to_str().ok());
    let start = range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next());
    start.and_then(|start| start.parse().ok()).unwrap_or(0)
}

/// Whether `text` is `digits` lower-case hexadecimal digits.
pub(crate) fn is_hexadecimal(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn the_linked_content_is_announced_and_not_the_link() {
        let (sha256, commit) = ("a".repeat(64), "b".repeat(40));
        let mut announcement = Announcement::default();
        let told = headers(&[
            ("etag", &format!("\"{}\"", "c".repeat(64))),
            ("content-length", "7"),
            ("x-linked-etag", &format!("\"{sha256}\"")),
            ("x-linked-size", "1000"),
            ("x-repo-commit", &commit),
        ]);
        announcement.add(&told, StatusCode::FOUND);
        let expected = Announcement {
            commit: Some(commit),
            sha256: Some(sha256),
            bytes: Some(1000),
        };
        assert_eq!(announcement, expected);
    }

    #[test]
    fn a_git_hash_is_not_taken_for_a_sha256() {
        let mut announcement = Announcement::default();
        let tag = format!("\"{}\"", "d".repeat(40));
        announcement.add(
            &headers(&[("etag", &tag), ("content-length", "7")]),
            StatusCode::OK,
        );
        let expected = Announcement {
            bytes: Some(7),
            ..Announcement::default()
        };
        assert_eq!(announcement, expected);
    }
}
