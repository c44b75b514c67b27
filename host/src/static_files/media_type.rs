//! Step 8: the media type that a name's extension stands for. Pure.
//!
//! What a web page is made of is in the table here, ready as header values and
//! right where the bigger list of `mime_guess` is out of date; the rest is
//! looked up there. The unknown is `application/octet-stream`.

use http::HeaderValue;

pub(super) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

const UNKNOWN: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// The media type for an extension, in any case.
pub(super) fn of(extension: Option<&[u8]>) -> HeaderValue {
    let Some(extension) = extension.and_then(|bytes| str::from_utf8(bytes).ok()) else {
        return UNKNOWN;
    };
    let known = KNOWN.iter().find(|(name, _)| name.eq_ignore_ascii_case(extension));
    if let Some((_, media_type)) = known {
        return HeaderValue::from_static(media_type);
    }
    match mime_guess::from_ext(extension).first_raw() {
        // Without a charset browsers fall back to one of the user's locale.
        Some(text) if text.starts_with("text/") => {
            HeaderValue::try_from(format!("{text}; charset=utf-8")).unwrap_or(UNKNOWN)
        }
        Some(other) => HeaderValue::from_static(other),
        None => UNKNOWN,
    }
}

/// Whether bytes of this type are compressed already, so that a sibling or
/// compression on the fly would gain nothing.
pub(super) fn is_compressed(media_type: &HeaderValue) -> bool {
    let text = media_type.to_str().unwrap_or_default();
    let (essence, _) = text.split_once(';').unwrap_or((text, ""));
    match essence.split_once('/') {
        Some(("image", kind)) => !matches!(kind, "svg+xml" | "bmp" | "x-icon" | "vnd.microsoft.icon"),
        Some(("audio" | "video", _)) => true,
        Some(("font", kind)) => matches!(kind, "woff" | "woff2"),
        Some(("application", kind)) => matches!(
            kind,
            "zip"
                | "gzip"
                | "zstd"
                | "x-7z-compressed"
                | "x-bzip2"
                | "x-xz"
                | "vnd.rar"
                | "java-archive"
                | "epub+zip"
        ),
        _ => false,
    }
}

const KNOWN: &[(&str, &str)] = &[
    ("html", "text/html; charset=utf-8"),
    ("htm", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    // RFC 9239: text/javascript for both.
    ("js", "text/javascript; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("map", "application/json"),
    ("wasm", "application/wasm"),
    ("webmanifest", "application/manifest+json"),
    ("txt", "text/plain; charset=utf-8"),
    ("md", "text/markdown; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("avif", "image/avif"),
    ("ico", "image/x-icon"),
    ("woff2", "font/woff2"),
    ("woff", "font/woff"),
    ("ttf", "font/ttf"),
    ("otf", "font/otf"),
    // Source and configuration, which `mime_guess` takes for video or x-types.
    ("ts", "text/plain; charset=utf-8"),
    ("rs", "text/plain; charset=utf-8"),
    ("toml", "application/toml"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
];

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        let check = |extension: &str, expected: &str| {
            let found = of(Some(extension.as_bytes()));
            assert_eq!(found.to_str().unwrap(), expected, "{extension}");
        };
        check("html", "text/html; charset=utf-8");
        check("HTML", "text/html; charset=utf-8");
        check("css", "text/css; charset=utf-8");
        check("js", "text/javascript; charset=utf-8");
        check("mjs", "text/javascript; charset=utf-8");
        check("wasm", "application/wasm");
        check("json", "application/json");
        check("svg", "image/svg+xml");
        check("woff2", "font/woff2");
        check("woff", "font/woff");
        check("txt", "text/plain; charset=utf-8");
        check("csv", "text/csv; charset=utf-8");
        check("xml", "text/xml; charset=utf-8");
        check("pdf", "application/pdf");
        check("mp4", "video/mp4");
        check("nonesuch", "application/octet-stream");
        check("", "application/octet-stream");
    }

    #[test]
    fn no_extension_or_one_that_is_no_text_is_unknown() {
        assert_eq!(of(None), UNKNOWN);
        assert_eq!(of(Some(b"\xff")), UNKNOWN);
    }
}
