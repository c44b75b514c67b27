//! What is logged: a level for everything, and others for parts of the program.
//!
//! `EnvFilter` takes a word that it does not know for the name of a part, which silences all
//! the others, errors too. So levels are known by name, or the filter is refused; and where
//! none is for everything, it is `info`.

use tracing_subscriber::EnvFilter;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// What others call them.
const OTHERS: [(&str, &str); 7] = [
    ("warning", "warn"),
    ("none", "off"),
    ("err", "error"),
    ("fatal", "error"),
    ("critical", "error"),
    ("notice", "info"),
    ("verbose", "debug"),
];

/// Reads a filter such as `info`, `warn,hyper=debug` or `debug`.
///
/// # Errors
///
/// Names what is no level, and those that there are.
pub fn parse_filter(text: &str) -> Result<EnvFilter, String> {
    let directives = || text.split(',').map(str::trim).filter(|directive| !directive.is_empty());
    for directive in directives() {
        let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level);
        if !LEVELS.iter().any(|known| level.eq_ignore_ascii_case(known)) {
            return Err(format!("`{}` is no level; {}", level.escape_debug(), remedy(level)));
        }
    }
    // It holds where nothing else does.
    let default = if directives().any(|directive| !directive.contains('=')) { "" } else { "info," };
    // It knows no spaces.
    let written = directives().collect::<Vec<_>>().join(",");
    EnvFilter::try_new(format!("{default}{written}"))
        .map_err(|error| format!("`{}`: {error}; {}", text.escape_debug(), remedy("")))
}

fn remedy(level: &str) -> String {
    let level = level.to_ascii_lowercase();
    let other = OTHERS.iter().find(|(other, _)| *other == level).map(|(_, known)| *known);
    let near = LEVELS.into_iter().filter(|known| strsim::damerau_levenshtein(known, &level) <= 1);
    match other.or(near.into_iter().next()) {
        Some(known) => format!("did you mean {known}?"),
        None => format!("write one of {}, or PART=LEVEL, separated by commas", LEVELS.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_known_by_name() {
        for text in ["info", "WARN", "off", "warn,hyper=debug", "hyper=trace", "debug, a::b=off", ""] {
            assert!(parse_filter(text).is_ok(), "{text}");
        }
        for (text, said) in [
            ("warning", "`warning` is no level; did you mean warn?"),
            ("Error!", "did you mean error?"),
            ("inof", "did you mean info?"),
            ("hyper=warning", "did you mean warn?"),
            ("patchboard", "write one of off, error, warn, info, debug, trace, or PART=LEVEL"),
            ("3", "write one of"),
            ("info,loud", "`loud` is no level"),
            ("\u{1b}[2J", "`\\u{1b}[2J` is no level"),
        ] {
            let error = parse_filter(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn a_part_alone_silences_no_other() {
        for (text, level) in [
            ("hyper=trace", "trace"),
            ("info", "info"),
            ("error", "error"),
            ("hyper=off", "info"),
            ("off", "off"),
        ] {
            let hint = parse_filter(text).unwrap().max_level_hint();
            assert_eq!(hint.map(|hint| hint.to_string()), Some(level.to_owned()), "{text}");
        }
    }
}
