//! The blocks of a file, each between two lines that begin with `###`, and what is in one: lines
//! that direct, variables, and a request.

/// What is between two lines that begin with `###`.
#[derive(Debug, Default)]
pub(super) struct Block<'t> {
    /// The line that it begins at.
    pub(super) line: usize,
    /// What is written after `###`; none of what comes before the first.
    pub(super) heading: Option<&'t str>,
    /// What is written after `# @`.
    pub(super) directives: Vec<(usize, &'t str)>,
    /// `@name = value`.
    pub(super) variables: Vec<(usize, &'t str, &'t str)>,
    pub(super) request: Option<Written<'t>>,
    /// What is wrong, with its line.
    pub(super) problems: Vec<(usize, String)>,
}

/// A request as it is written.
#[derive(Debug, Default)]
pub(super) struct Written<'t> {
    pub(super) line: usize,
    /// Method, target and version.
    pub(super) first: String,
    pub(super) fields: Vec<(usize, &'t str, &'t str)>,
    pub(super) body: Vec<(usize, &'t str)>,
}

const SCRIPT: &str =
    "scripts are not run; what is expected is written `# @expect …` before the request's line";

/// The blocks of `text`.
pub(super) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = vec![(Block { line: 1, ..Block::default() }, Vec::new())];
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if let Some(heading) = line.strip_prefix("###") {
            let heading = Some(heading.trim_start_matches('#').trim());
            blocks.push((Block { line: number, heading, ..Block::default() }, Vec::new()));
        } else if let Some((_, lines)) = blocks.last_mut() {
            lines.push((number, line));
        }
    }
    blocks.into_iter().map(|(block, lines)| block.read(&lines)).collect()
}

impl<'t> Block<'t> {
    fn read(mut self, lines: &[(usize, &'t str)]) -> Self {
        let mut lines = lines.iter().copied().peekable();
        while let Some((number, line)) = lines.next_if(|_| self.request.is_none()) {
            let text = line.trim();
            if let Some(comment) = comment(text) {
                self.directives.extend(comment.strip_prefix('@').map(|directive| (number, directive)));
            } else if let Some(variable) = text.strip_prefix('@') {
                match variable.split_once('=') {
                    Some((name, value)) => self.variables.push((number, name.trim(), value.trim())),
                    None => self.wrong(number, format!("`{text}` sets nothing; write `@name = value`")),
                }
            } else if text.starts_with("< {%") || text.starts_with("> {%") {
                self.wrong(number, SCRIPT);
                return self;
            } else if !text.is_empty() {
                self.request = Some(Written { line: number, first: text.to_owned(), ..Written::default() });
            }
        }
        let Some(mut request) = self.request.take() else { return self };
        while let Some((number, line)) = lines.next_if(|(_, line)| !line.trim().is_empty()) {
            let text = line.trim();
            match comment(text) {
                Some(comment) if comment.starts_with('@') => {
                    self.wrong(number, format!("`{text}` is too late; write it before the request's line"));
                }
                Some(_) => {}
                // A query over several lines.
                None if request.fields.is_empty()
                    && line.starts_with([' ', '\t'])
                    && text.starts_with(['?', '&']) =>
                {
                    request.first.push_str(text);
                }
                None => match text.split_once(':') {
                    Some((name, value)) => request.fields.push((number, name.trim_end(), value.trim_start())),
                    None => self.wrong(
                        number,
                        format!(
                            "`{text}` is no field; write `Name: value`, and an empty line before the body"
                        ),
                    ),
                },
            }
        }
        for (number, line) in lines.skip(1) {
            let text = line.trim_start();
            if text.starts_with("> ") || text.starts_with(">> ") || text.starts_with("< {%") {
                self.wrong(number, SCRIPT);
            } else if comment(text).is_some_and(|comment| comment.starts_with("@expect")) {
                self.wrong(number, format!("`{text}` is in the body; write it before the request's line"));
            } else if !text.starts_with("<> ") {
                // What another client has noted of its answers is left out.
                request.body.push((number, line));
            }
        }
        while request.body.last().is_some_and(|(_, line)| line.trim().is_empty()) {
            request.body.pop();
        }
        self.request = Some(request);
        self
    }

    fn wrong(&mut self, line: usize, wrong: impl Into<String>) {
        self.problems.push((line, wrong.into()));
    }
}

/// What a comment says.
fn comment(line: &str) -> Option<&str> {
    line.strip_prefix("//").or_else(|| line.strip_prefix('#')).map(str::trim_start)
}
