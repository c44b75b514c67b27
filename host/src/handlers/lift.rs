//! How a component lifts its functions (the canonical ABI), read from its bytes.
//!
//! A function that is asynchronous in its WIT may be lifted synchronously all the same, as
//! toolchains without asynchronous code do. wasmtime lets such calls of one instance wait
//! for each other, so that a slow one holds up the rest.

use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind,
    ComponentType, ComponentTypeRef, Parser, Payload,
};

/// The types of each component that is open, the innermost last: whether each is that of an
/// asynchronous function.
type Types = Vec<Vec<bool>>;

/// Whether `component`, or one that it is composed of, lifts an asynchronous function
/// synchronously. What is malformed the compiler reports in its own words.
pub(super) fn takes_turns(component: &[u8]) -> bool {
    let mut types = Types::new();
    Parser::new(0)
        .parse_all(component)
        .map_while(Result::ok)
        .any(|payload| read(payload, &mut types).unwrap_or_default())
}

/// Notes the types of a section; whether it lifts such a function.
fn read(payload: Payload<'_>, types: &mut Types) -> wasmparser::Result<bool> {
    match payload {
        Payload::Version { .. } => types.push(Vec::new()),
        Payload::End(_) => drop(types.pop()),
        Payload::ComponentTypeSection(section) => {
            for ty in section {
                let is_async = matches!(ty?, ComponentType::Func(function) if function.async_);
                add(types, is_async);
            }
        }
        Payload::ComponentImportSection(section) => {
            for import in section {
                if let ComponentTypeRef::Type(_) = import?.ty {
                    add(types, false);
                }
            }
        }
        Payload::ComponentExportSection(section) => {
            for export in section {
                let export = export?;
                if export.kind == ComponentExternalKind::Type {
                    let same = is_async(types, 0, export.index);
                    add(types, same);
                }
            }
        }
        Payload::ComponentAliasSection(section) => {
            for alias in section {
                match alias? {
                    ComponentAlias::InstanceExport { kind: ComponentExternalKind::Type, .. } => {
                        add(types, false);
                    }
                    ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, count, index } => {
                        let same = is_async(types, count, index);
                        add(types, same);
                    }
                    _ => {}
                }
            }
        }
        Payload::ComponentCanonicalSection(section) => {
            for function in section {
                if let CanonicalFunction::Lift { type_index, options, .. } = function?
                    && is_async(types, 0, type_index)
                    && !options.contains(&CanonicalOption::Async)
                {
                    return Ok(true);
                }
            }
        }
        _ => {}
    }
    Ok(false)
}

fn add(types: &mut Types, is_async: bool) {
    if let Some(innermost) = types.last_mut() {
        innermost.push(is_async);
    }
}

/// Of the type `index` of the component that is `outward` steps around the innermost.
fn is_async(types: &Types, outward: u32, index: u32) -> bool {
    let component = types.iter().rev().nth(outward as usize);
    component.and_then(|types| types.get(index as usize)).copied().unwrap_or_default()
}
