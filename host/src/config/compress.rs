//! `compress`, of a static mount or a handler.

use super::key::{Key, Table};
use super::reader::Section;
use crate::compression::CompressionConfig;

/// What is written for it.
pub(super) const COMPRESS_OR_NOT: &str = "true, false, or a table";

/// `compress` as a table.
pub(super) static COMPRESS: Table<CompressionConfig> = Table {
    header: "compress = { … }",
    noun: "",
    intro: "How responses of text types are compressed on the fly, with zstd or gzip as the client accepts. \
            `compress = true` is a table with the defaults.",
    example: r#"
[[static]]
prefix = "/app"
dir = "static"
compress = { min_bytes = "4KiB", gzip_level = 6 }
"#,
    keys: &[
        Key::bytes(
            "min_bytes",
            0,
            |c| &mut c.min_bytes,
            "Smaller bodies are left alone, where their length is known; with 0 none is.",
        ),
        Key::<CompressionConfig>::count(
            "gzip_level",
            1,
            |c| &mut c.gzip_level,
            "The effort: more is smaller, and slower.",
        )
        .at_most(9),
        Key::<CompressionConfig>::count("zstd_level", 1, |c| &mut c.zstd_level, "Likewise.").at_most(19),
    ],
};

/// `compress = true`, or a table with its settings.
pub(super) fn compression(section: &Section<'_, '_>) -> Option<CompressionConfig> {
    let mut config = CompressionConfig::default();
    if !section.is_table("compress") {
        return section.boolean("compress")?.then_some(config);
    }
    COMPRESS.read(&section.section("compress"), &mut config);
    Some(config)
}
