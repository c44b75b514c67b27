//! The regex of a parameter: Rust's dialect, without look-around and back references
//! and hence linear, with the Perl classes in their ASCII meaning.

use regex_syntax::ast::{AssertionKind, Ast, ClassPerl, ClassPerlKind, ClassSetItem, Visitor};

/// `regex` with `\d`, `\w`, `\s` and `\b` in their ASCII meaning, as in JavaScript,
/// Go and nginx: what matches `\d+` is a number that a handler can read. All other
/// characters are matched by `\p{L}` and the like.
pub(super) fn ascii(regex: &str) -> Result<String, String> {
    let parsed = regex_syntax::ast::parse::Parser::new().parse(regex);
    let tree = parsed.map_err(|error| format!("the regex `{regex}`: {error}"))?;
    let found = regex_syntax::ast::visit(&tree, PerlClasses::default());
    let mut written = String::new();
    let mut end = 0;
    for (span, text) in found.unwrap_or_default() {
        written.push_str(regex.get(end..span.start).unwrap_or_default());
        written.push_str(text);
        end = span.end;
    }
    written.push_str(regex.get(end..).unwrap_or_default());
    Ok(written)
}

/// Where the classes are, in order, and what is put in their place.
#[derive(Default)]
struct PerlClasses(Vec<(std::ops::Range<usize>, &'static str)>);

impl PerlClasses {
    fn class(&mut self, class: &ClassPerl) {
        let text = match (&class.kind, class.negated) {
            (ClassPerlKind::Digit, false) => "[0-9]",
            (ClassPerlKind::Digit, true) => "[^0-9]",
            (ClassPerlKind::Word, false) => "[0-9A-Za-z_]",
            (ClassPerlKind::Word, true) => "[^0-9A-Za-z_]",
            (ClassPerlKind::Space, false) => r"[\t\n\v\f\r\x20]",
            (ClassPerlKind::Space, true) => r"[^\t\n\v\f\r\x20]",
        };
        self.0.push((class.span.start.offset..class.span.end.offset, text));
    }
}

impl Visitor for PerlClasses {
    type Output = Vec<(std::ops::Range<usize>, &'static str)>;
    type Err = ();

    fn finish(self) -> Result<Self::Output, ()> {
        Ok(self.0)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), ()> {
        match ast {
            Ast::ClassPerl(class) => self.class(class),
            Ast::Assertion(assertion) if assertion.kind == AssertionKind::WordBoundary => {
                self.0.push((assertion.span.start.offset..assertion.span.end.offset, r"(?-u:\b)"));
            }
            _ => {}
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), ()> {
        if let ClassSetItem::Perl(class) = item {
            self.class(class);
        }
        Ok(())
    }
}
