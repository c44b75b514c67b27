//! How a component lifts its functions (the canonical ABI), read from its bytes.
//!
//! A function that is asynchronous in its WIT may be lifted synchronously all the same, as
//! toolchains without asynchronous code do. wasmtime lets such calls of one instance wait
//! for each other, so that a slow one holds up the rest.

use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentType, ComponentTypeRef, Encoding, Parser, Payload,
};

/// What is known of how a component's functions are lifted.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Lifts {
    /// Whether it, or one that it is composed of, lifts an asynchronous function synchronously.
    pub(super) takes_turns: bool,
    /// Whether it is composed of several that lift asynchronous functions: one of them may go
    /// on when the call of another has ended.
    pub(super) is_composed: bool,
}

/// A component that is open, and what its index spaces have so far.
struct Open {
    is_component: bool,
    /// Whether each type is that of an asynchronous function.
    types: Vec<bool>,
    /// How many instances with asynchronous functions there are in one of each component.
    components: Vec<u32>,
    lifts: bool,
    instances: u32,
}

/// The innermost last.
type Stack = Vec<Open>;

/// Reads `component`. What is malformed the compiler reports in its own words.
pub(super) fn read(component: &[u8]) -> Lifts {
    let (mut lifts, mut stack) = (Lifts::default(), Stack::new());
    let payloads = Parser::new(0).parse_all(component).map_while(Result::ok);
    for payload in payloads {
        note(payload, &mut stack, &mut lifts).ok();
    }
    lifts
}

/// Notes what a section adds to the index spaces, and what it lifts.
fn note(payload: Payload<'_>, stack: &mut Stack, lifts: &mut Lifts) -> wasmparser::Result<()> {
    match payload {
        Payload::Version { encoding, .. } => stack.push(Open {
            is_component: encoding == Encoding::Component,
            types: Vec::new(),
            components: Vec::new(),
            lifts: false,
            instances: 0,
        }),
        Payload::End(_) => {
            if let Some(ended) = stack.pop().filter(|ended| ended.is_component) {
                let instances = ended.instances.saturating_add(u32::from(ended.lifts));
                add_component(stack, instances);
                lifts.is_composed = instances > 1;
            }
        }
        Payload::ComponentTypeSection(section) => {
            for ty in section {
                let is_async = matches!(ty?, ComponentType::Func(function) if function.async_);
                add_type(stack, is_async);
            }
        }
        Payload::ComponentImportSection(section) => {
            for import in section {
                match import?.ty {
                    ComponentTypeRef::Type(_) => add_type(stack, false),
                    // It may be any.
                    ComponentTypeRef::Component(_) => add_component(stack, 1),
                    _ => {}
                }
            }
        }
        Payload::ComponentExportSection(section) => {
            for export in section {
                let export = export?;
                match export.kind {
                    ComponentExternalKind::Type => add_type(stack, is_async(stack, 0, export.index)),
                    ComponentExternalKind::Component => {
                        add_component(stack, instances(stack, 0, export.index));
                    }
                    _ => {}
                }
            }
        }
        Payload::ComponentAliasSection(section) => {
            for alias in section {
                match alias? {
                    ComponentAlias::InstanceExport { kind: ComponentExternalKind::Type, .. } => {
                        add_type(stack, false);
                    }
                    ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                        add_component(stack, 1);
                    }
                    ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, count, index } => {
                        add_type(stack, is_async(stack, count, index));
                    }
                    ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                        add_component(stack, instances(stack, count, index));
                    }
                    _ => {}
                }
            }
        }
        Payload::ComponentInstanceSection(section) => {
            for instance in section {
                if let ComponentInstance::Instantiate { component_index, .. } = instance? {
                    let more = instances(stack, 0, component_index);
                    if let Some(innermost) = stack.last_mut() {
                        innermost.instances = innermost.instances.saturating_add(more);
                    }
                }
            }
        }
        Payload::ComponentCanonicalSection(section) => {
            for function in section {
                if let CanonicalFunction::Lift { type_index, options, .. } = function? {
                    let is_lifted_so = options.contains(&CanonicalOption::Async);
                    let is_async = is_async(stack, 0, type_index);
                    lifts.takes_turns |= is_async && !is_lifted_so;
                    if let Some(innermost) = stack.last_mut() {
                        innermost.lifts |= is_async || is_lifted_so;
                    }
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn add_type(stack: &mut Stack, is_async: bool) {
    if let Some(innermost) = stack.last_mut() {
        innermost.types.push(is_async);
    }
}

fn add_component(stack: &mut Stack, instances: u32) {
    if let Some(innermost) = stack.last_mut() {
        innermost.components.push(instances);
    }
}

/// Of the type `index` of the component that is `outward` steps around the innermost.
fn is_async(stack: &Stack, outward: u32, index: u32) -> bool {
    let types = stack.iter().rev().nth(outward as usize).map(|open| &open.types);
    types.and_then(|types| types.get(index as usize)).copied().unwrap_or_default()
}

/// Likewise, of the component `index`.
fn instances(stack: &Stack, outward: u32, index: u32) -> u32 {
    let components = stack.iter().rev().nth(outward as usize).map(|open| &open.components);
    components.and_then(|components| components.get(index as usize)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component with a function that is asynchronous and lifted so, or neither.
    fn part(is_async: bool) -> String {
        let (ty, option) =
            if is_async { ("async ", "async (callback (core func $i \"c\"))") } else { ("", "") };
        let result = if is_async { "(result i32) i32.const 0" } else { "" };
        format!(
            "(core module $m (func (export \"f\") {result}) \
             (func (export \"c\") (param i32 i32 i32) (result i32) i32.const 0)) \
             (core instance $i (instantiate $m)) \
             (func (export \"f\") {ty}(canon lift (core func $i \"f\") {option}))"
        )
    }

    fn is_composed(text: &str) -> bool {
        read(&wat::parse_str(format!("(component {text})")).unwrap()).is_composed
    }

    #[test]
    fn what_is_composed_is_known() {
        let (one, none) = (part(true), part(false));
        let nested = |name: &str, text: &str| format!("(component ${name} {text})");
        let instance = |name: &str| format!("(instance (instantiate ${name}))");
        assert!(!is_composed(&one));
        assert!(!is_composed(&nested("a", &one)), "it is not instantiated");
        assert!(!is_composed(&format!("{}{}", nested("a", &one), instance("a"))));
        assert!(!is_composed(&format!("{one}{}{}", nested("a", &none), instance("a"))));
        assert!(is_composed(&format!("{one}{}{}", nested("a", &one), instance("a"))));
        assert!(is_composed(&format!("{}{}{}", nested("a", &one), instance("a"), instance("a"))));
        let both = format!("{}{}{}{}", nested("a", &one), nested("b", &one), instance("a"), instance("b"));
        assert!(is_composed(&both));
        // In one another, and by a name from around it.
        let inner = format!("{}{}{}", nested("b", &one), instance("b"), one);
        assert!(is_composed(&format!("{}{}", nested("a", &inner), instance("a"))));
        let outer =
            "(alias outer 1 0 (component $b)) (instance (instantiate $b)) (instance (instantiate $b))";
        assert!(is_composed(&format!("{}{}{}", nested("a", &one), nested("c", outer), instance("c"))));
    }
}
