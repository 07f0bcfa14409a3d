//! The fetch step from outside: the real command line, and a hub on the loopback interface.

#[path = "fetch/loopback.rs"]
mod loopback;
#[path = "fetch/package.rs"]
mod package;
#[path = "fetch/repository.rs"]
mod repository;
#[path = "fetch/user.rs"]
mod user;

use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use loopback::{Broken, Reply, Request, Server};
use user::{COMMIT, FILE, NAME, User, content, sha256};

/// The hub as it is: a link with what is known of the file, to a store on another host.
fn hub(store: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |request| {
        if request.path.starts_with("/store/") {
            return store(request);
        }
        let main = format!("/timm/tf_efficientnet_lite0.in1k/resolve/main/{FILE}");
        if request.path != main && request.path != main.replace("main", COMMIT) {
            return Reply::status(404);
        }
        let host = request
            .header("host")
            .unwrap()
            .replace("127.0.0.1", "localhost");
        Reply::status(302)
            .header("location", format!("http://{host}/store/{FILE}"))
            .header("x-repo-commit", COMMIT)
            .header("x-linked-etag", format!("\"{}\"", sha256(&content())))
            .header("x-linked-size", content().len())
    })
}

/// Requests to the store, in order.
fn downloads(server: &Server) -> Vec<Request> {
    let seen = server.seen().into_iter();
    seen.filter(|request| request.path.starts_with("/store/"))
        .collect()
}

#[test]
fn a_repository_lands_whole_with_its_manifest() {
    let server = hub(|request| Reply::content(request, &content()));
    let user = User::new();
    user.fetch(&[NAME], &server).succeeds();
    assert_eq!(user.files(), ["manifest.json", FILE]);
    assert_eq!(fs::read(user.folder().join(FILE)).unwrap(), content());

    let manifest = user.manifest();
    let endpoint = format!("http://127.0.0.1:{}", server.port);
    assert_eq!(manifest["source"]["endpoint"], endpoint);
    assert_eq!(manifest["source"]["revision"], COMMIT);
    assert_eq!(manifest["files"][0]["sha256"], sha256(&content()));
    assert_eq!(manifest["files"][0]["pinned_by"], "hub");

    let before = server.seen().len();
    user.fetch(&[NAME], &server).succeeds().says("already");
    assert_eq!(server.seen().len(), before, "nothing is asked for twice");
}

#[test]
fn a_file_that_was_damaged_later_is_brought_again() {
    let server = hub(|request| Reply::content(request, &content()));
    let user = User::new();
    user.fetch(&[NAME], &server).succeeds();
    let mut damaged = content();
    damaged[1000] ^= 1;
    fs::write(user.folder().join(FILE), damaged).unwrap();
    user.fetch(&[NAME], &server).succeeds().says("changed");
    assert_eq!(fs::read(user.folder().join(FILE)).unwrap(), content());
}

#[test]
fn a_connection_that_is_cut_goes_on_where_it_stopped() {
    let count = AtomicUsize::new(0);
    let server = hub(move |request| {
        let reply = Reply::content(request, &content());
        match count.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => reply.broken(Broken::CutAfter(70_000)),
            _ => reply,
        }
    });
    let user = User::new();
    user.fetch(&[NAME], &server).succeeds();
    assert_eq!(fs::read(user.folder().join(FILE)).unwrap(), content());
    let ranges: Vec<_> = downloads(&server).iter().map(Request::range).collect();
    assert_eq!(ranges, [None, Some(70_000), Some(140_000)]);
}

#[test]
fn a_run_that_failed_is_resumed_by_the_next_one() {
    let (healthy, count) = (Arc::new(AtomicBool::new(false)), AtomicUsize::new(0));
    let state = Arc::clone(&healthy);
    let server = hub(move |request| {
        let reply = Reply::content(request, &content());
        match (
            state.load(Ordering::SeqCst),
            count.fetch_add(1, Ordering::SeqCst),
        ) {
            (true, _) => reply,
            (false, 0) => reply.broken(Broken::CutAfter(70_000)),
            (false, _) => Reply::status(503),
        }
    });
    let user = User::new();
    user.fetch(&[NAME], &server).fails().says("503");
    assert!(!user.files().contains(&FILE.to_owned()));
    let failed = downloads(&server).len();

    healthy.store(true, Ordering::SeqCst);
    user.fetch(&[NAME], &server).succeeds();
    let ranges: Vec<_> = downloads(&server)[failed..]
        .iter()
        .map(Request::range)
        .collect();
    assert_eq!(ranges, [Some(70_000)]);
    assert_eq!(fs::read(user.folder().join(FILE)).unwrap(), content());
    assert_eq!(user.files(), ["manifest.json", FILE]);
}

#[test]
fn a_killed_run_leaves_no_half_file_and_the_next_goes_on() {
    let count = AtomicUsize::new(0);
    let server = hub(move |request| {
        let reply = Reply::content(request, &content());
        match count.fetch_add(1, Ordering::SeqCst) {
            0 => reply.broken(Broken::SilentAfter(70_000)),
            _ => reply,
        }
    });
    let user = User::new();
    let mut child = user.command(&[NAME], &server).spawn().unwrap();
    while user.part_bytes() < 70_000 {
        assert!(child.try_wait().unwrap().is_none(), "it waits for the rest");
        thread::sleep(Duration::from_millis(10));
    }
    user.fetch(&[NAME], &server).fails().says("another fetch");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!user.files().contains(&FILE.to_owned()));

    user.fetch(&[NAME], &server).succeeds();
    let ranges: Vec<_> = downloads(&server).iter().map(Request::range).collect();
    assert_eq!(ranges, [None, Some(70_000)]);
    assert_eq!(fs::read(user.folder().join(FILE)).unwrap(), content());
}

#[test]
fn a_server_that_cannot_resume_is_heard_from_the_start() {
    let count = AtomicUsize::new(0);
    let server = hub(move |_| {
        let reply = Reply {
            status: 200,
            body: content(),
            ..Reply::default()
        };
        match count.fetch_add(1, Ordering::SeqCst) {
            0 => reply.broken(Broken::CutAfter(70_000)),
            _ => reply,
        }
    });
    let user = User::new();
    user.fetch(&[NAME], &server).succeeds();
    assert_eq!(fs::read(user.folder().join(FILE)).unwrap(), content());
}

#[test]
fn a_server_that_never_gets_further_is_given_up() {
    let count = AtomicUsize::new(0);
    let server = hub(move |_| {
        let bytes = [70_000, 60_000][count.fetch_add(1, Ordering::SeqCst) % 2];
        let whole = Reply {
            status: 200,
            body: content(),
            ..Reply::default()
        };
        whole.broken(Broken::CutAfter(bytes))
    });
    let user = User::new();
    let outcome = user.fetch(&[NAME], &server);
    outcome
        .fails()
        .says("connection broke")
        .says("run the same command again");
    assert!(user.files().is_empty());
}

#[test]
fn other_bytes_than_announced_are_refused_and_removed() {
    let mut other = content();
    other[1000] ^= 1;
    let found = sha256(&other);
    let server = hub(move |request| Reply::content(request, &other));
    let user = User::new();
    user.fetch(&[NAME], &server)
        .fails()
        .says(&sha256(&content()))
        .says(&found);
    assert!(user.files().is_empty(), "{:?}", user.files());
}

#[test]
fn another_file_than_the_pinned_one_is_not_even_downloaded() {
    let server = Server::start(|_| {
        let reply = Reply {
            status: 200,
            body: vec![b' '; 612],
            ..Reply::default()
        };
        reply.header("etag", format!("\"{}\"", "a".repeat(64)))
    });
    let user = User::new();
    user.fetch(&["all-minilm-l6-v2"], &server)
        .fails()
        .says("config.json")
        .says("953f9c0d");
    assert!(server.seen().iter().all(|request| request.method == "HEAD"));
}

#[test]
fn a_pinned_file_is_held_against_its_pin_and_redirections_are_followed() {
    // As the hub answers for small files: a path on itself, and a hash of git's.
    let server = Server::start(|request| {
        let cache = "/api/resolve-cache/config.json";
        if request.path != cache {
            return Reply::status(307)
                .header("location", cache)
                .header("x-repo-commit", COMMIT);
        }
        let reply = Reply::content(request, &[b' '; 612]);
        reply.header("etag", format!("\"{}\"", "a".repeat(40)))
    });
    let user = User::new();
    user.fetch(&["all-minilm-l6-v2"], &server)
        .fails()
        .says("config.json")
        .says("953f9c0d");
    let downloads = server
        .seen()
        .into_iter()
        .filter(|request| request.method == "GET");
    assert_eq!(
        downloads
            .filter(|request| request.path.contains(COMMIT))
            .count(),
        1
    );
}

#[test]
fn a_clip_shows_what_it_is_and_lands_whole_though_its_small_files_have_no_sha256() {
    let server = Server::start(|request| {
        let reply = Reply::content(request, &content());
        let reply = reply.header("x-repo-commit", COMMIT);
        match request.path.ends_with(".json") {
            true => reply.header("etag", format!("\"{}\"", "a".repeat(40))), // a hash of git's
            false => reply.header("etag", format!("\"{}\"", sha256(&content()))),
        }
    });
    let user = User::new();
    let outcome = user.fetch(&["clip-vit-b-32"], &server);
    outcome.succeeds().says("licence MIT").says("577.08 MiB");
    outcome.says(&sha256(&content())).says("3 file(s)");
    let commits = server.seen().into_iter().skip(1);
    assert!(commits.clone().count() >= 5);
    for request in commits {
        let path = &request.path;
        assert!(
            path.starts_with("/openai/clip-vit-base-patch32/resolve/"),
            "{path}"
        );
        assert!(path.contains(COMMIT), "{path}");
    }
    user.fetch(&["clip-vit-b-32", "--from", "package"], &server)
        .fails()
        .says("no Python package carries `clip-vit-b-32`");
}

#[test]
fn every_refusal_is_one_sentence_that_names_another_way() {
    for (status, words) in [
        (404, "does not know"),
        (401, "HF_TOKEN"),
        (500, "status 500"),
    ] {
        let server = Server::start(move |_| Reply::status(status));
        let user = User::new();
        let outcome = user.fetch(&[NAME], &server);
        outcome.fails().says(words).says("--from package");
        assert!(user.files().is_empty());
    }
}

#[test]
fn an_absent_hub_is_one_sentence() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let user = User::new();
    let mut command = user.bare(&[NAME]);
    command.env("HF_ENDPOINT", endpoint);
    user::run(&mut command)
        .fails()
        .says("check the network")
        .says("--from package");
}

#[test]
fn the_token_is_shown_to_the_hub_and_not_to_the_store() {
    let server = hub(|request| Reply::content(request, &content()));
    let user = User::new();
    user::run(user.command(&[NAME], &server).env("HF_TOKEN", "secret")).succeeds();
    for request in server.seen() {
        let shown = request.header("authorization");
        let expected = (!request.path.starts_with("/store/")).then_some("Bearer secret");
        assert_eq!(shown, expected, "{} {}", request.method, request.path);
    }
}

#[test]
fn offline_nobody_is_asked() {
    let server = hub(|request| Reply::content(request, &content()));
    let user = User::new();
    let mut command = user.command(&[NAME], &server);
    user::run(command.env("HF_HUB_OFFLINE", "1"))
        .fails()
        .says("HF_HUB_OFFLINE")
        .says(FILE);
    assert!(server.seen().is_empty());
}

#[cfg(unix)]
#[test]
fn what_another_tool_brought_from_the_hub_is_used() {
    let server = hub(|request| Reply::content(request, &content()));
    for offline in ["0", "1"] {
        let user = User::new();
        user.shelve(&content());
        let mut command = user.command(&[NAME], &server);
        user::run(command.env("HF_HUB_OFFLINE", offline)).succeeds();
        assert_eq!(fs::read(user.folder().join(FILE)).unwrap(), content());
        assert_eq!(user.manifest()["source"]["revision"], COMMIT);
        assert_eq!(user.manifest()["files"][0]["pinned_by"], "hub");
        assert!(downloads(&server).is_empty());
    }
}

#[cfg(unix)]
#[test]
fn a_damaged_file_of_another_tool_is_not_used() {
    let server = hub(|request| Reply::content(request, &content()));
    let mut damaged = content();
    damaged[1000] ^= 1;
    let user = User::new();
    user.shelve(&damaged);
    let mut offline = user.command(&[NAME], &server);
    user::run(offline.env("HF_HUB_OFFLINE", "1"))
        .fails()
        .says(&sha256(&damaged));
    assert!(user.files().is_empty());
    user.fetch(&[NAME], &server).succeeds();
    assert_eq!(downloads(&server).len(), 1);
}
