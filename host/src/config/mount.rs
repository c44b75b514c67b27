//! `[[static]]`: its keys and their defaults.

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use globset::Glob;
use http::{HeaderValue, StatusCode};

use super::compress::{COMPRESS_OR_NOT, compression};
use super::key::{Key, Table, Unset};
use super::reader::Section;
use super::route::{A_NAME, name};
use super::unit::quoted_list;
use crate::coding::Coding;
use crate::router::Pattern;
use crate::static_files::{CacheRule, MountConfig, RelativePath};

/// `[[static]]`.
pub(super) static STATIC: Table<MountConfig> = Table {
    header: "[[static]]",
    noun: "a static mount",
    intro: "A folder of files, served below a prefix, with conditional requests, ranges and siblings that are \
            compressed already. It can be there any number of times.",
    example: r#"
[[static]]
prefix = "/app"
dir = "static"
name = "app"
cache = [{ glob = "*.woff2", value = "public, max-age=31536000, immutable" }]
fallback = "index.html"
error_pages = { 403 = "403.html", 404 = "404.html" }
compress = true
"#,
    keys: &[
        Key::other(
            "prefix",
            "a path such as \"/css\"",
            Unset::Required,
            "Where it is in URLs; `\"/\"` is all of them.",
        ),
        Key::other("dir", "a folder such as \"static/css\"", Unset::Required, "The folder that is served."),
        Key::other("name", A_NAME, Unset::Said("none"), "What `static_url` asks for."),
        Key::boolean(
            "show_index",
            |m| &mut m.show_index,
            "Whether a folder without an index is listed, as HTML or JSON, rather than refused.",
        ),
        Key::list(
            "index",
            "a file such as \"index.html\"",
            (|m| m.index.clear(), |m, text| add(&mut m.index, text)),
            Unset::Shown(|m| quoted_list(&m.index)),
            "The files that answer for their folder; the first that exists does.",
        ),
        Key::list(
            "hidden",
            "a glob such as \".*\"",
            (|m| m.hidden.clear(), |m, text| add(&mut m.hidden, text)),
            Unset::Shown(|m| quoted_list(&m.hidden)),
            "Names, at any depth, that are neither served nor listed. A glob is held against each segment.",
        ),
        Key::list(
            "visible",
            "a glob such as \".well-known\"",
            (|m| m.visible.clear(), |m, text| add(&mut m.visible, text)),
            Unset::Shown(|m| quoted_list(&m.visible)),
            "Exceptions from `hidden`.",
        ),
        Key::boolean(
            "follow_symlinks",
            |m| &mut m.follow_symlinks,
            "Whether symbolic links are followed, if they stay beneath the folder.",
        ),
        Key::list(
            "siblings",
            "an ending of \"br\", \"zst\" and \"gz\"",
            (|m| m.siblings.clear(), |m, text| coding(text).map(|coding| m.siblings.push(coding))),
            Unset::Shown(|m| quoted_list(m.siblings.iter().map(|coding| ending(*coding)))),
            "Codings whose siblings, such as `site.css.br`, are served, in the order of preference.",
        ),
        Key::other(
            "cache",
            "an array of tables",
            Unset::Said("none"),
            "`Cache-Control` of files; the first glob that matches counts.",
        ),
        Key::boolean(
            "versioned",
            |m| &mut m.versioned,
            "Whether `?v=` with the right version of a file, as in URLs of `static_url`, is cached for ever.",
        ),
        Key::text(
            "fallback",
            A_FILE,
            |m, text| text.parse().map(|page| m.fallback = Some(page)).map_err(|error| format!("{error}")),
            Unset::Said("none"),
            "What the paths of a single-page application are answered with.",
        ),
        Key::text(
            "not_found",
            A_FILE,
            |m, text| {
                let page = text.parse().map_err(|error| format!("{error}"))?;
                m.error_pages.insert(StatusCode::NOT_FOUND, page);
                Ok(())
            },
            Unset::Said("none"),
            "The body of a 404.",
        ),
        Key::other(
            "error_pages",
            "a table of files, by statuses from 400 to 599",
            Unset::Said("none"),
            "The bodies of errors.",
        ),
        Key::other(
            "compress",
            COMPRESS_OR_NOT,
            Unset::Said("false"),
            "Whether, and how, files without a sibling are compressed on the fly.",
        ),
    ],
};

/// `[[static.cache]]`.
pub(super) static CACHE: Table<()> = Table {
    header: "cache = [{ … }]",
    noun: "a cache rule",
    intro: "A `Cache-Control` for files of a static mount.",
    example: r#"
[[static]]
prefix = "/"
dir = "static"

[[static.cache]]
glob = "fonts/*.woff2"
value = "public, max-age=31536000, immutable"

[[static.cache]]
glob = "*"
value = "no-cache"
"#,
    keys: &[
        Key::other("glob", A_GLOB, Unset::Required, "The paths below the folder; `*` matches slashes too."),
        Key::other("value", A_VALUE, Unset::Required, "The value of the field."),
    ],
};

const A_FILE: &str = "a file below the folder, such as \"404.html\"";
const A_GLOB: &str = "a glob such as \"*.woff2\"";
const A_VALUE: &str = "a value such as \"no-cache\"";

pub(super) fn mount(section: &Section<'_, '_>, folder: &Path) -> Option<MountConfig> {
    let prefix = section.parse("prefix", "a path such as \"/css\"", parse_prefix);
    let dir = section.string("dir");
    let complete = prefix.is_some() && dir.is_some();
    let mut mount = MountConfig::new(prefix.unwrap_or_default(), folder.join(dir.unwrap_or_default()));
    STATIC.read(section, &mut mount);
    mount.name = name(section, "a static mount");
    mount.cache = section.sections("cache").iter().filter_map(cache_rule).collect();
    error_pages(section, &mut mount);
    mount.compression = compression(section);
    complete.then_some(mount)
}

fn add<V: FromStr<Err: Display>>(list: &mut Vec<V>, text: &str) -> Result<(), String> {
    text.parse().map(|item| list.push(item)).map_err(|error: V::Err| error.to_string())
}

fn parse_prefix(text: &str) -> Result<String, String> {
    let prefix = text.strip_suffix('/').unwrap_or(text);
    if prefix.is_empty() {
        return Ok(String::new());
    }
    let pattern = Pattern::parse(prefix).map_err(|error| error.to_string())?;
    pattern.literal().ok_or_else(|| format!("`{text}`: a prefix has no parameters"))
}

fn cache_rule(section: &Section<'_, '_>) -> Option<CacheRule> {
    CACHE.read(section, &mut ());
    let glob = section.parse("glob", A_GLOB, Glob::new);
    let value = section.parse("value", A_VALUE, HeaderValue::from_str);
    Some(CacheRule { glob: glob?, value: value? })
}

fn error_pages(section: &Section<'_, '_>, mount: &mut MountConfig) {
    let pages = section.section("error_pages");
    for (status, page) in pages.strings_by_key() {
        let code = status.parse::<StatusCode>().ok();
        let code = code.filter(|code| code.is_client_error() || code.is_server_error());
        match (code, page.parse::<RelativePath>()) {
            (Some(code), Ok(page)) => {
                mount.error_pages.insert(code, page);
            }
            (None, _) => pages.problem_at(&status, "expected a status from 400 to 599"),
            (_, Err(error)) => pages.problem_at(&status, format!("`{page}`: {error}")),
        }
    }
}

/// The ending of its siblings, without the dot.
fn ending(coding: Coding) -> &'static str {
    coding.suffix().trim_start_matches('.')
}

fn coding(text: &str) -> Result<Coding, String> {
    let known = Coding::ALL.into_iter().find(|coding| ending(*coding) == text);
    known.ok_or_else(|| format!("expected \"br\", \"zst\" or \"gz\", found \"{text}\""))
}
