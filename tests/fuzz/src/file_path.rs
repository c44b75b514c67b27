//! Paths of static files: a mount answers from its folder, and from nowhere else.
//!
//! The input is the path of a URL. The folder holds a few files, hidden ones, and
//! symbolic links that lead out of it, beside a file that no request may reach. What
//! each decoded path must be answered with follows from a list of what is there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use http::{Request, Uri};
use patchboard_server::router::RequestPath;

use crate::folder::{Folder, header};

/// What is served; the content of each is its own path.
const FILES: [&str; 9] =
    ["a", "a b", "d/index.html", "d/e/f.txt", "%41", "é", "a\\b", "x..", ".well-known/x"];
/// What is not: it is hidden.
const HIDDEN: [&str; 5] = [".env", "..x", "...", "d/.git/config", ".well-known/.x"];

thread_local! {
    static FOLDER: Folder = Folder::new(|root| {
        for name in FILES.iter().chain(&HIDDEN) {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
            fs::write(path, name)?;
        }
        fs::write(root.join("../secret"), "secret")?;
        symlink("../secret", root.join("link"))?;
        symlink("..", root.join("out"))?;
        symlink("/", root.join("d/root"))
    });
}

/// What a path is answered with.
#[derive(Debug, PartialEq)]
enum Answer {
    File(String),
    /// To the path with a slash after it.
    Redirect,
    Forbidden,
    NotFound,
}

/// Runs the target.
pub fn run(data: &[u8]) {
    let Ok(uri) = Uri::try_from(data) else { return };
    let Ok(path) = RequestPath::parse(uri.path()) else { return };
    let Ok(request) = Request::get(&uri).body(()) else { return };
    let segments: Vec<&[u8]> = path.segments().collect();
    let expected = expect(&segments);
    FOLDER.with(|folder| {
        let response = folder.ask(request);
        let answer = match response.status().as_u16() {
            200 => Answer::File(String::from_utf8_lossy(&folder.read(response)).into_owned()),
            301 => {
                assert_leads_to(header(&response, "location"), &segments);
                Answer::Redirect
            }
            403 => Answer::Forbidden,
            404 => Answer::NotFound,
            status => panic!("{uri}: {status}"),
        };
        assert_eq!(answer, expected, "{uri}");
    });
}

fn expect(segments: &[&[u8]]) -> Answer {
    let (names, slash) = match segments {
        [names @ .., b""] => (names, true),
        names => (names, false),
    };
    let is = |file: &str, names: &[&[u8]]| file.split('/').map(str::as_bytes).eq(names.iter().copied());
    let find = |names: &[&[u8]]| FILES.iter().find(|file| is(file, names)).map(ToString::to_string);
    let mut folders =
        FILES.iter().flat_map(|file| file.match_indices('/').map(|(end, _)| file.split_at(end).0));
    let is_folder = names.is_empty() || folders.any(|folder| is(folder, names));
    match (is_folder, slash) {
        (false, false) => find(names).map_or(Answer::NotFound, Answer::File),
        (false, true) => Answer::NotFound,
        (true, false) => Answer::Redirect,
        (true, true) => find(&[names, &[b"index.html"]].concat()).map_or(Answer::Forbidden, Answer::File),
    }
}

/// A redirect stays on this server, and adds a slash to the path and no more.
fn assert_leads_to(location: &str, segments: &[&[u8]]) {
    assert!(!location.starts_with("//") && !location.starts_with("/\\"), "{location:?} leads elsewhere");
    let path = location.split('?').next().unwrap_or_default();
    match RequestPath::parse(path) {
        Ok(path) => assert!(path.segments().eq(segments.iter().copied().chain([&b""[..]])), "{location}"),
        Err(error) => panic!("{location}: {error}"),
    }
}
