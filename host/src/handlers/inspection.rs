//! What is in a component's file, read without compiling or running it.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmparser::{Encoding, Parser, Payload, ProducersSectionReader};

use super::bounds::Amount;
use super::component::{self, Kind};
use super::grants::Grants;
use super::section::{self, Section};

/// What is in a component's file.
#[derive(Debug)]
pub struct Inspection {
    /// What it speaks, or why no server would call it.
    pub kind: Result<Kind, String>,
    /// What its producers section says: language, compilers and SDKs, with their versions.
    pub producers: Vec<(String, String)>,
    /// The interfaces that it imports, each with the grant that gives it something to work on.
    pub imports: Vec<(String, Option<&'static str>)>,
    /// Its own routes, with their names, or why they cannot be read.
    pub routes: Result<Vec<(String, String)>, String>,
    /// The function that wraps all of them, by name.
    pub wraps: Option<Arc<str>>,
    /// Its functions and types, and the bytes of its code.
    pub amount: Amount,
    /// The bytes of its data, which are copied to its memory at the start of an instance.
    pub data_bytes: u64,
    /// The bytes of memory that an instance begins with.
    pub memory_bytes: u64,
}

impl Inspection {
    /// Reads the file with these `bytes`.
    ///
    /// # Errors
    ///
    /// If it is no component: what it is, and what to do.
    pub fn of(bytes: &[u8]) -> Result<Self, String> {
        component::check_file(bytes)?;
        let (mut imports, mut exports, mut depth) = (Vec::new(), Vec::new(), 0_u32);
        let mut producers = BTreeMap::new();
        let (mut data_bytes, mut memory_bytes) = (0, 0_u64);
        // What is malformed the compiler reports, when it is loaded.
        for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
            match payload {
                Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 1 => {
                    imports.extend(
                        section.into_iter().map_while(Result::ok).map(|import| import.name.name.to_owned()),
                    );
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    exports.extend(
                        section.into_iter().map_while(Result::ok).map(|export| export.name.name.to_owned()),
                    );
                }
                Payload::DataSection(section) => data_bytes += section.range().len() as u64,
                Payload::MemorySection(section) => {
                    let sizes = section.into_iter().map_while(Result::ok);
                    let sizes = sizes.map(|memory| {
                        memory.initial.saturating_mul(1 << memory.page_size_log2.unwrap_or(16))
                    });
                    memory_bytes = sizes.fold(memory_bytes, u64::saturating_add);
                }
                Payload::CustomSection(section) if section.name() == "producers" => {
                    produced(section.data(), section.data_offset(), &mut producers);
                }
                _ => {}
            }
        }
        let (routes, wraps) = match section::read(bytes) {
            Ok(Section { routes, wraps }) => {
                (Ok(routes.iter().map(|of| (of.route.to_string(), of.name.to_string())).collect()), wraps)
            }
            Err(problem) => (Err(problem), None),
        };
        let imports = imports.into_iter().map(|import| {
            let grant = Grants::named(&import);
            (import, grant)
        });
        Ok(Self {
            kind: component::kind(&exports),
            producers: producers.into_iter().collect(),
            imports: imports.collect(),
            routes,
            wraps,
            amount: Amount::of(bytes),
            data_bytes,
            memory_bytes,
        })
    }
}

/// Adds what a producers section says, the first version of each wins.
fn produced(section: &[u8], offset: usize, producers: &mut BTreeMap<String, String>) {
    let reader = wasmparser::BinaryReader::new(section, offset);
    let fields = ProducersSectionReader::new(reader).into_iter().flatten().map_while(Result::ok);
    for value in fields.flat_map(|field| field.values.into_iter().map_while(Result::ok)) {
        producers.entry(value.name.to_owned()).or_insert_with(|| value.version.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_exports_memories_and_data_are_those_of_the_component() {
        let component = wat::parse_str(
            r#"(component
                (import "patchboard:handler/key-value@0.2.0" (instance))
                (import "wasi:cli/environment@0.2.6" (instance))
                (import "wasi:clocks/monotonic-clock@0.2.6" (instance))
                (component (import "inner" (instance)))
                (core module $m (memory 2) (data (i32.const 0) "four")
                    (@producers (language "Rust" "2024") (processed-by "rustc" "1.95.0")))
                (instance $nothing)
                (export "wasi:http/incoming-handler@0.2.6" (instance $nothing)))"#,
        )
        .unwrap();
        let found = Inspection::of(&component).unwrap();
        assert_eq!(found.kind, Ok(Kind::Proxy));
        assert_eq!(
            found.imports,
            [
                ("patchboard:handler/key-value@0.2.0".to_owned(), Some("key_value")),
                ("wasi:cli/environment@0.2.6".to_owned(), Some("environment")),
                ("wasi:clocks/monotonic-clock@0.2.6".to_owned(), None),
            ]
        );
        let producers = [("Rust", "2024"), ("rustc", "1.95.0")]
            .map(|(name, version)| (name.to_owned(), version.to_owned()));
        assert_eq!((found.producers, found.memory_bytes), (producers.to_vec(), 2 << 16));
        assert!(found.data_bytes >= 4 && found.routes == Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_component_is_said_to_be_what_it_is() {
        assert!(Inspection::of(b"(module)").unwrap_err().contains("it is text"));
        assert!(
            Inspection::of(&wat::parse_str("(module)").unwrap()).unwrap_err().contains("is a core module")
        );
        assert!(Inspection::of(&wat::parse_str("(component)").unwrap()).unwrap().kind.is_err());
    }
}
