//! `[[static]]`: its keys and their defaults.

use std::path::Path;

use globset::Glob;
use http::{HeaderValue, StatusCode};

use super::MountConfig;
use super::reader::Section;
use crate::coding::Coding;
use crate::compression::CompressionConfig;
use crate::router::Pattern;
use crate::static_files::{CacheRule, RelativePath};

pub(super) fn mount(section: Section<'_, '_>, folder: &Path) -> Option<MountConfig> {
    let prefix = section.parse("prefix", "a path such as \"/css\"", parse_prefix);
    let dir = section.string("dir");
    if !section.has("prefix") || !section.has("dir") {
        section.problem("a static mount needs `prefix` and `dir`");
    }
    let complete = prefix.is_some() && dir.is_some();
    let mut mount = MountConfig::new(prefix.unwrap_or_default(), folder.join(dir.unwrap_or_default()));
    mount.name = section.string("name");
    set(&mut mount.show_index, section.boolean("show_index"));
    set(&mut mount.index, section.list("index", "a file name such as \"index.html\""));
    set(&mut mount.hidden, section.list("hidden", "a glob such as \".*\""));
    set(&mut mount.visible, section.list("visible", "a glob such as \".well-known\""));
    set(&mut mount.follow_symlinks, section.boolean("follow_symlinks"));
    set(&mut mount.siblings, section.list("siblings", "\"br\", \"zst\" or \"gz\""));
    mount.cache = section.sections("cache").into_iter().filter_map(cache_rule).collect();
    set(&mut mount.versioned, section.boolean("versioned"));
    mount.fallback = page(&section, "fallback");
    if let Some(page) = page(&section, "not_found") {
        mount.error_pages.insert(StatusCode::NOT_FOUND, page);
    }
    error_pages(&section, &mut mount);
    mount.compression = compression(&section);
    section.finish();
    complete.then_some(mount)
}

/// `compress = true`, or a table with its settings.
pub(super) fn compression(section: &Section<'_, '_>) -> Option<CompressionConfig> {
    let default = CompressionConfig::default();
    if !section.is_table("compress") {
        return section.boolean("compress")?.then_some(default);
    }
    let settings = section.section("compress");
    let level = |key, most: u32, default| match settings.count(key) {
        Some(level) if level > most => {
            settings.problem(format!("{key} is 1 to {most}, found {level}"));
            default
        }
        level => level.unwrap_or(default),
    };
    let config = CompressionConfig {
        min_bytes: settings.bytes("min_bytes").unwrap_or(default.min_bytes),
        gzip_level: level("gzip_level", 9, default.gzip_level),
        zstd_level: level("zstd_level", 19, default.zstd_level),
    };
    settings.finish();
    Some(config)
}

fn set<T>(field: &mut T, written: Option<T>) {
    if let Some(written) = written {
        *field = written;
    }
}

fn parse_prefix(text: &str) -> Result<String, String> {
    let prefix = text.strip_suffix('/').unwrap_or(text);
    if prefix.is_empty() {
        return Ok(String::new());
    }
    let pattern = Pattern::parse(prefix).map_err(|error| error.to_string())?;
    pattern.literal().ok_or_else(|| format!("`{text}`: a prefix has no parameters"))
}

fn page(section: &Section<'_, '_>, key: &'static str) -> Option<RelativePath> {
    section.parse(key, "a file below the folder, such as \"404.html\"", str::parse::<RelativePath>)
}

fn cache_rule(section: Section<'_, '_>) -> Option<CacheRule> {
    let glob = section.parse("glob", "a glob such as \"*.woff2\"", Glob::new);
    let value = section.parse("value", "a value such as \"no-cache\"", HeaderValue::from_str);
    if !section.has("glob") || !section.has("value") {
        section.problem("a cache rule needs `glob` and `value`");
    }
    section.finish();
    Some(CacheRule { glob: glob?, value: value? })
}

fn error_pages(section: &Section<'_, '_>, mount: &mut MountConfig) {
    let pages = section.section("error_pages");
    for (status, page) in pages.strings_by_key() {
        let code = status.parse::<StatusCode>().ok();
        match (code.filter(|code| code.is_client_error() || code.is_server_error()), page.parse()) {
            (Some(code), Ok(page)) => {
                mount.error_pages.insert(code, page);
            }
            (None, _) => pages.problem(format!("`{status}` is not a status from 400 to 599")),
            (_, Err(error)) => pages.problem(format!("`{page}`: {error}")),
        }
    }
}

impl std::str::FromStr for Coding {
    type Err = String;

    /// By the ending of its siblings.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "br" => Ok(Self::Brotli),
            "zst" => Ok(Self::Zstd),
            "gz" => Ok(Self::Gzip),
            other => Err(format!("expected \"br\", \"zst\" or \"gz\", found \"{other}\"")),
        }
    }
}
