//! The outer form of WebAssembly binaries: sections, those within sections, and numbers.
//!
//! Just enough to take a component apart, change a piece, and put it together with right
//! lengths, so that what is wrong is found deeper than in a length.

/// How a core module begins.
pub(crate) const MODULE: &[u8] = b"\0asm\x01\0\0\0";
/// How a component begins.
pub(crate) const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// The ids of sections that hold whole modules and components.
const NESTING: [u8; 2] = [1, 4];
/// The id of a core module's code.
const CODE: u8 = 10;

/// A module or component: how it begins, and its sections.
#[derive(Debug, Clone)]
pub(crate) struct Binary {
    preamble: Vec<u8>,
    pub(crate) sections: Vec<Section>,
}

/// A section.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    id: u8,
    pub(crate) content: Content,
}

/// What a section holds.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Bytes(Vec<u8>),
    Nested(Binary),
}

impl Binary {
    /// Takes `bytes` apart; none where they are cut short.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (preamble, mut rest) = bytes.split_at_checked(MODULE.len())?;
        let mut sections = Vec::new();
        while let Some((&id, after)) = rest.split_first() {
            let (length, after) = number(after)?;
            let (content, after) = after.split_at_checked(length)?;
            let nested = match preamble == COMPONENT && NESTING.contains(&id) {
                true => Self::parse(content),
                false => None,
            };
            let content = nested.map_or_else(|| Content::Bytes(content.to_vec()), Content::Nested);
            sections.push(Section { id, content });
            rest = after;
        }
        Some(Self { preamble: preamble.to_vec(), sections })
    }

    /// Puts it together.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.preamble.clone();
        self.sections.iter().for_each(|section| section.write(&mut bytes));
        bytes
    }

    /// The number of sections, those within others too.
    pub(crate) fn count(&self) -> usize {
        self.sections.iter().map(|section| 1 + section.nested().map_or(0, Self::count)).sum()
    }

    /// The list that holds the section of this `number`, counted as [`Binary::count`]
    /// does, and its place there.
    pub(crate) fn find(&mut self, mut number: usize) -> Option<(&mut Vec<Section>, usize)> {
        let mut found = None;
        for (at, section) in self.sections.iter().enumerate() {
            let inside = section.nested().map_or(0, Self::count);
            if number <= inside {
                found = Some(at);
                break;
            }
            number -= inside + 1;
        }
        let at = found?;
        if number == 0 {
            return Some((&mut self.sections, at));
        }
        match &mut self.sections.get_mut(at)?.content {
            Content::Nested(nested) => nested.find(number - 1),
            Content::Bytes(_) => None,
        }
    }

    /// Lets every function of its modules do nothing but trap, so that it compiles at
    /// once, and all that surrounds its code stays as it was.
    pub(crate) fn hollow(&mut self) {
        let is_module = self.preamble == MODULE;
        for section in &mut self.sections {
            match &mut section.content {
                Content::Nested(nested) => nested.hollow(),
                Content::Bytes(code) if is_module && section.id == CODE => {
                    let count = number(code).map_or(0, |(count, _)| count);
                    code.clear();
                    write_number(count, code);
                    // Three bytes: no locals, `unreachable`, `end`.
                    code.extend((0..count).flat_map(|_| [3, 0, 0, 0x0b]));
                }
                Content::Bytes(_) => {}
            }
        }
    }
}

impl Section {
    /// A custom section.
    pub(crate) fn custom(name: &str, data: &[u8]) -> Self {
        let mut content = Vec::new();
        write_number(name.len(), &mut content);
        content.extend_from_slice(name.as_bytes());
        content.extend_from_slice(data);
        Self { id: 0, content: Content::Bytes(content) }
    }

    /// Appends it to `bytes`.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(self.id);
        match &self.content {
            Content::Bytes(content) => {
                write_number(content.len(), bytes);
                bytes.extend_from_slice(content);
            }
            Content::Nested(nested) => {
                let content = nested.bytes();
                write_number(content.len(), bytes);
                bytes.extend(content);
            }
        }
    }

    fn nested(&self) -> Option<&Binary> {
        match &self.content {
            Content::Nested(nested) => Some(nested),
            Content::Bytes(_) => None,
        }
    }
}

/// A number in LEB128, and what follows it.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

fn write_number(mut value: usize, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}
