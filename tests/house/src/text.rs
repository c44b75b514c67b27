//! What the text of one file says: the names it defines, its `mod` and `use` lines,
//! and every path in between. It is read from the tokens, not from a syntax tree, so
//! that what is inside a macro counts like everything else; comments and strings do
//! not, and what is `#[cfg(test)]` is left out.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A module's own text: a file's, or what is between the braces of an inline module.
#[derive(Debug, Default)]
pub(crate) struct Text {
    /// The items defined here, of all kinds.
    pub(crate) items: Vec<String>,
    /// Those of them that are macros other crates and modules see at the root.
    pub(crate) exported_macros: Vec<String>,
    pub(crate) modules: Vec<Declared>,
    pub(crate) imports: Vec<Import>,
    pub(crate) named: Vec<Named>,
}

/// `mod name;` or `mod name { … }`.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) name: String,
    /// Of `#[path = "…"]`.
    pub(crate) path: Option<String>,
    pub(crate) inline: Option<Text>,
}

/// One leaf of a `use`, those in functions too.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    pub(crate) path: Vec<String>,
    /// The name it has here; a glob has none.
    pub(crate) name: Option<String>,
    /// `pub use`, however far.
    pub(crate) public: bool,
    pub(crate) line: usize,
}

/// A path in the middle of code. A single name counts only where it can be an item:
/// with a capital, or called.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

/// Words that a path does not begin with.
const KEYWORDS: &str = " Self as async await break const continue dyn else enum extern false fn for if impl in let loop match mod \
                        move mut pub ref return static struct trait true type unsafe use where while ";

/// Words that are followed by the name of what they define.
const DEFINING: &str = " const enum fn static struct trait type union ";

impl Text {
    /// Reads a file.
    pub(crate) fn read(source: &str) -> Result<Self, String> {
        let tokens: TokenStream = source.parse().map_err(|error| format!("no Rust: {error}"))?;
        let mut text = Self::default();
        text.scan(&tokens.into_iter().collect::<Vec<_>>(), true);
        Ok(text)
    }

    /// Goes through what is between two braces; `outside` of any item, only there names are defined.
    fn scan(&mut self, tokens: &[TokenTree], outside: bool) {
        let mut path = None;
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let next = tokens.get(at + 1);
            at += 1;
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    let group = if is(next, '!') { at + 1 } else { at };
                    let Some(TokenTree::Group(attribute)) = tokens.get(group) else { continue };
                    let words = attribute.stream().to_string();
                    at = group + 1;
                    if only_for_tests(&collect(&attribute.stream())) {
                        at = end_of_item(tokens, at);
                    } else if let Some(value) = words.strip_prefix("path = ") {
                        path = Some(value.trim_matches('"').to_owned());
                    } else if words == "macro_export" {
                        self.exported_macros.extend(word(tokens.get(at + 2)));
                    } else if !words.starts_with("doc") {
                        self.scan(&collect(&attribute.stream()), false);
                    }
                }
                // A lifetime; and a metavariable, except for `$crate`.
                TokenTree::Punct(punct) if punct.as_char() == '\'' => at += 1,
                TokenTree::Punct(punct)
                    if punct.as_char() == '$' && word(next).is_some_and(|word| word != "crate") =>
                {
                    at += 1
                }
                TokenTree::Punct(_) if separator(tokens, at - 1) => {
                    let (mut names, end) = names(tokens, at + 1);
                    // After `>::`, `Self::` or `$name::` come names of a type's own.
                    let follows = at >= 2
                        && match &tokens[at - 2] {
                            TokenTree::Ident(ident) => ident == "Self" || !keyword(&ident.to_string()),
                            TokenTree::Punct(punct) => punct.as_char() == '>',
                            _ => true,
                        };
                    if !follows && !names.is_empty() {
                        names.insert(0, String::new());
                        self.named.push(Named { path: names, line: line(token) });
                    }
                    at = end;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
                TokenTree::Group(group) => self.scan(&collect(&group.stream()), false),
                TokenTree::Ident(_) => at = self.word(tokens, at - 1, outside, &mut path),
            }
        }
    }

    /// What begins with a word; returns where to go on.
    fn word(&mut self, tokens: &[TokenTree], at: usize, outside: bool, path: &mut Option<String>) -> usize {
        let first = word(tokens.get(at)).unwrap_or_default();
        let next = word(tokens.get(at + 1));
        match (first.as_str(), next) {
            ("use", _) if !is(tokens.get(at + 1), '<') => {
                let before =
                    if matches!(tokens.get(at.wrapping_sub(1)), Some(TokenTree::Group(_))) { 2 } else { 1 };
                let public = at
                    .checked_sub(before)
                    .is_some_and(|at| word(tokens.get(at)).is_some_and(|word| word == "pub"));
                return tree(tokens, at + 1, &[], &mut |mut import| {
                    import.public = public;
                    self.imports.push(import);
                });
            }
            ("mod", Some(name)) => {
                let inline = match tokens.get(at + 2) {
                    Some(TokenTree::Group(group)) => {
                        let mut text = Self::default();
                        text.scan(&collect(&group.stream()), true);
                        Some(text)
                    }
                    _ => None,
                };
                self.modules.push(Declared { name, path: path.take(), inline });
                return at + 3;
            }
            ("macro_rules", _) => {
                self.items.extend(word(tokens.get(at + 2)).filter(|_| outside));
                return at + 3;
            }
            (defining, Some(name)) if DEFINING.contains(&format!(" {defining} ")) && !keyword(&name) => {
                if outside {
                    self.items.push(name);
                }
                return at + 2;
            }
            (first, _) if keyword(first) => return at + 1,
            _ => {}
        }
        let (names, end) = names(tokens, at);
        let field = at > 0 && is(tokens.get(at - 1), '.') && !(at > 1 && is(tokens.get(at - 2), '.'));
        let called = match tokens.get(end) {
            Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Parenthesis,
            next => is(next, '!') && !is(tokens.get(end + 1), '='),
        };
        if !field && (names.len() > 1 || called || first.starts_with(char::is_uppercase)) {
            self.named.push(Named { path: names, line: line(&tokens[at]) });
        }
        end
    }
}

/// The leaves of one tree of a `use`, up to its end; returns where that is.
fn tree(tokens: &[TokenTree], mut at: usize, prefix: &[String], leaf: &mut impl FnMut(Import)) -> usize {
    let mut path = prefix.to_vec();
    let mut name = None;
    if path.is_empty() && separator(tokens, at) {
        path.push(String::new());
    }
    let start = at;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            TokenTree::Punct(punct) if matches!(punct.as_char(), ',' | ';') => break,
            TokenTree::Punct(punct) if punct.as_char() == '*' => {
                leaf(Import { path, name: None, public: false, line: line(token) });
                return at + 1;
            }
            TokenTree::Group(group) => {
                let inner = collect(&group.stream());
                let mut begin = 0;
                while begin < inner.len() {
                    begin = tree(&inner, begin, &path, leaf);
                }
                return at + 1;
            }
            TokenTree::Ident(ident) if ident == "as" => {
                name = word(tokens.get(at));
                at += 1;
            }
            TokenTree::Ident(ident) if ident == "self" && !path.is_empty() => {}
            TokenTree::Ident(ident) => path.push(plain(&ident.to_string())),
            _ => {}
        }
    }
    if let Some(last) = path.last() {
        let name = name.unwrap_or_else(|| last.clone());
        let line = tokens.get(start).map_or(0, line);
        leaf(Import { path, name: Some(name), public: false, line });
    }
    at
}

/// The names of a path that begins here, and where it ends.
fn names(tokens: &[TokenTree], mut at: usize) -> (Vec<String>, usize) {
    let mut names = Vec::new();
    while let Some(name) = word(tokens.get(at)) {
        names.push(name);
        at += 1;
        if !(separator(tokens, at) && word(tokens.get(at + 2)).is_some()) {
            break;
        }
        at += 2;
    }
    (names, at)
}

/// Behind the item that begins here.
fn end_of_item(tokens: &[TokenTree], mut at: usize) -> usize {
    let import = (at..at + 3).any(|at| word(tokens.get(at)).is_some_and(|word| word == "use"));
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            TokenTree::Punct(punct) if matches!(punct.as_char(), ';' | ',') => break,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !import => break,
            _ => {}
        }
    }
    at
}

/// `cfg(test)`, also where it is one of several conditions.
fn only_for_tests(attribute: &[TokenTree]) -> bool {
    fn contains(tokens: &[TokenTree], name: &str) -> bool {
        tokens.iter().any(|token| match token {
            TokenTree::Group(group) => contains(&collect(&group.stream()), name),
            token => word(Some(token)).is_some_and(|word| word == name),
        })
    }
    word(attribute.first()).is_some_and(|first| first == "cfg")
        && contains(attribute, "test")
        && !contains(attribute, "not")
}

fn keyword(word: &str) -> bool {
    KEYWORDS.contains(&format!(" {word} "))
}

fn collect(stream: &TokenStream) -> Vec<TokenTree> {
    stream.clone().into_iter().collect()
}

fn is(token: Option<&TokenTree>, expected: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == expected)
}

fn separator(tokens: &[TokenTree], at: usize) -> bool {
    is(tokens.get(at), ':') && is(tokens.get(at + 1), ':')
}

fn word(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(ident)) => Some(plain(&ident.to_string())),
        _ => None,
    }
}

fn plain(word: &str) -> String {
    word.trim_start_matches("r#").to_owned()
}

fn line(token: &TokenTree) -> usize {
    token.span().start().line
}
