//! What an instance of a component needs of each thing that wasmtime's pool has.
//!
//! In: a component and its bytes. Out: amounts, by which places of the pool are given out,
//! or which of the limits of one component it exceeds. Memories and tables wasmtime counts
//! itself; core instances are counted here, by reading which component instantiates what,
//! and who may hold a stack while it waits is read from how functions are lifted.

use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentTypeRef, Encoding, Instance, Parser, Payload,
};
use wasmtime::component::Component;

use crate::config::Isolation;

/// The things that are pooled.
pub(super) const THINGS: [&str; 5] = ["instances", "core_instances", "memories", "tables", "stacks"];

/// So much of each, in their order.
pub(super) type Amounts = [u32; THINGS.len()];

/// What one component may have of core instances, of memories and of tables: componentised
/// JavaScript and Python come in a dozen modules.
pub(super) const MOST: u32 = 32;
/// Stacks of an instance where one call at a time may have one: that, and one at hand.
pub(super) const STACKS: u32 = 2;
/// Calls at once in one shared instance; further ones go to another.
const CALLS_PER_SHARED: u32 = 256;
/// Likewise, where each may hold a stack.
const CALLS_WITH_STACKS: u32 = 32;

/// What an instance of a component needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Needs {
    core_instances: u32,
    memories: u32,
    tables: u32,
    stacks: Stacks,
}

/// Who may have a stack while it waits. A function that is lifted with a callback waits
/// without one, and any other synchronous wait in it holds up its component: but for what is
/// lifted asynchronously without a callback, no two calls of a component wait on stacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stacks {
    /// One call of the component.
    One,
    /// Likewise, of each that it is composed of.
    OneOfEach,
    /// Each call.
    All,
}

impl Needs {
    /// What `component`, which was compiled from `bytes`, needs.
    ///
    /// # Errors
    ///
    /// If that is more than any may have.
    pub(super) fn of(component: &Component, bytes: &[u8]) -> Result<Self, String> {
        let Read { core_instances, stacks } = read(bytes);
        // What imports modules, and so cannot be told, is not linked anyway.
        let counted = component.resources_required();
        let (memories, tables) = counted.map_or((0, 0), |needs| (needs.num_memories, needs.num_tables));
        for (count, what) in
            [(memories, "memories"), (tables, "tables"), (core_instances, "instances of core modules")]
        {
            if count > MOST {
                return Err(format!(
                    "needs {count} {what}, and a component may have {MOST}; compose it of fewer modules"
                ));
            }
        }
        Ok(Self { core_instances, memories, tables, stacks })
    }

    /// The calls that an instance takes at once; `instances` is the number of instances that
    /// share all calls of the handler, of which there are `calls` at once, where there is one.
    pub(super) fn calls(&self, isolation: Isolation, instances: Option<u32>, calls: u32) -> u32 {
        match (isolation, self.takes_more(), instances) {
            (Isolation::Request | Isolation::Reuse, _, _) => 1,
            (Isolation::Shared, true, _) => CALLS_PER_SHARED,
            (Isolation::Shared, false, None) => CALLS_WITH_STACKS,
            // No other instance takes them.
            (Isolation::Shared, false, Some(_)) => calls.min(CALLS_PER_SHARED),
        }
    }

    /// What an instance needs that takes so many calls at once.
    pub(super) fn amounts(&self, calls: u32) -> Amounts {
        let stacks = match self.stacks {
            Stacks::One => STACKS,
            Stacks::OneOfEach => STACKS + self.core_instances,
            Stacks::All => STACKS + self.core_instances + calls,
        };
        [1, self.core_instances, self.memories, self.tables, stacks]
    }

    /// Whether an instance that calls share may take one beyond its number: it needs no stack.
    pub(super) fn takes_more(&self) -> bool {
        self.stacks < Stacks::All
    }
}

/// What is read from a component's bytes.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    core_instances: u32,
    stacks: Stacks,
}

/// A component or module that is open: what it has so far.
#[derive(Default)]
struct Scope {
    is_component: bool,
    /// The core instances of each component in its index space; none where that cannot be
    /// told.
    components: Vec<Option<u32>>,
    core_instances: u32,
}

impl Scope {
    fn instantiate(&mut self, core_instances: u32) {
        self.core_instances = self.core_instances.saturating_add(core_instances);
    }
}

fn read(bytes: &[u8]) -> Read {
    let mut scopes = vec![Scope::default()];
    let mut stacks = Stacks::One;
    // What is malformed the compiler has reported.
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        if let Payload::ComponentCanonicalSection(section) = &payload {
            let is_inner = scopes.len() > 2;
            let functions = section.clone().into_iter().map_while(Result::ok);
            stacks = functions.map(|function| held(&function, is_inner)).fold(stacks, Stacks::max);
        }
        count(payload, &mut scopes);
    }
    let core_instances = scopes.pop().and_then(|outside| outside.components.last().copied().flatten());
    Read { core_instances: core_instances.unwrap_or(MOST), stacks }
}

/// Who may have a stack because of `function`.
fn held(function: &CanonicalFunction, is_inner: bool) -> Stacks {
    let CanonicalFunction::Lift { options, .. } = function else { return Stacks::One };
    let has_callback = options.iter().any(|option| matches!(option, CanonicalOption::Callback(_)));
    match options.contains(&CanonicalOption::Async) && !has_callback {
        true => Stacks::All,
        false if is_inner => Stacks::OneOfEach,
        false => Stacks::One,
    }
}

/// Follows what each component instantiates.
fn count(payload: Payload<'_>, scopes: &mut Vec<Scope>) {
    let known = |scopes: &[Scope], outward: u32, index: u32| {
        let scope = scopes.iter().rev().nth(outward as usize)?;
        scope.components.get(index as usize).copied().flatten()
    };
    // The components that the section adds to the index space, and what it instantiates.
    let (mut added, mut instantiated) = (Vec::new(), Vec::new());
    match payload {
        Payload::Version { encoding, .. } => {
            let is_component = encoding == Encoding::Component;
            return scopes.push(Scope { is_component, ..Scope::default() });
        }
        Payload::End(_) => {
            let ended = scopes.pop().unwrap_or_default();
            added.extend(ended.is_component.then_some(Some(ended.core_instances)));
        }
        Payload::InstanceSection(section) => {
            let instances = section.into_iter().map_while(Result::ok);
            instantiated.extend(instances.map(|instance| match instance {
                Instance::Instantiate { .. } => 1,
                Instance::FromExports(_) => 0,
            }));
        }
        Payload::ComponentInstanceSection(section) => {
            for instance in section.into_iter().map_while(Result::ok) {
                if let ComponentInstance::Instantiate { component_index, .. } = instance {
                    instantiated.push(known(scopes, 0, component_index).unwrap_or(MOST));
                }
            }
        }
        Payload::ComponentAliasSection(section) => {
            for alias in section.into_iter().map_while(Result::ok) {
                match alias {
                    ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                        added.push(known(scopes, count, index));
                    }
                    ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                        added.push(None);
                    }
                    _ => {}
                }
            }
        }
        Payload::ComponentImportSection(section) => {
            let imports = section.into_iter().map_while(Result::ok);
            let components = imports.filter(|import| matches!(import.ty, ComponentTypeRef::Component(_)));
            added.extend(components.map(|_| None));
        }
        Payload::ComponentExportSection(section) => {
            for export in section.into_iter().map_while(Result::ok) {
                if export.kind == ComponentExternalKind::Component {
                    added.push(known(scopes, 0, export.index));
                }
            }
        }
        _ => {}
    }
    if let Some(scope) = scopes.last_mut() {
        scope.components.extend(added);
        instantiated.into_iter().for_each(|count| scope.instantiate(count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, core_instances: u32) {
        assert_eq!(read(&wat::parse_str(text).unwrap()).core_instances, core_instances, "{text}");
    }

    #[test]
    fn core_instances_are_counted_through_all_components() {
        check("(component)", 0);
        check("(component (core module $m) (core instance (instantiate $m)) (core instance))", 1);
        let inner = "(component $inner (core module $m) (core instance (instantiate $m)) \
                     (core instance (instantiate $m)))";
        check(&format!("(component {inner})"), 0);
        check(
            &format!("(component {inner} (instance (instantiate $inner)) (instance (instantiate $inner)))"),
            4,
        );
        check(
            &format!(
                "(component {inner} (component $outer (alias outer 1 $inner (component $same)) \
                 (instance (instantiate $same)) (instance (instantiate $same))) \
                 (instance (instantiate $outer)))"
            ),
            4,
        );
        check(
            &format!(
                "(component {inner} (export $same \"same\" (component $inner)) (instance (instantiate $same)))"
            ),
            2,
        );
        // A thousand times a thousand times a thousand, and so on.
        let many = |of: &str| format!("(instance (instantiate {of}))").repeat(1000);
        let mut nested = inner.to_owned();
        for depth in 0..4 {
            let of = if depth == 0 { "$inner".to_owned() } else { format!("$c{}", depth - 1) };
            nested +=
                &format!("(component $c{depth} (alias outer 1 {of} (component $same)) {})", many("$same"));
        }
        check(&format!("(component {nested} (instance (instantiate $c3)))"), u32::MAX);
    }

    #[test]
    fn what_is_imported_counts_as_the_most_there_may_be() {
        check("(component (import \"c\" (component $c)) (instance (instantiate $c)))", MOST);
    }

    #[test]
    fn who_may_wait_on_a_stack_is_told() {
        let component = |name: &str, options: &str| {
            format!(
                "(component {name}
                    (core module $module
                        (func (export \"plain\"))
                        (func (export \"begin\") (result i32) i32.const 0)
                        (func (export \"go-on\") (param i32 i32 i32) (result i32) i32.const 0))
                    (core instance $module (instantiate $module))
                    (alias core export $module \"go-on\" (core func $go-on))
                    (func (export \"f\") async (canon lift {options})))"
            )
        };
        let plain = "(core func $module \"plain\")";
        let callback = "(core func $module \"begin\") async (callback (core func $go-on))";
        for (options, alone, inner) in [
            (plain.to_owned(), Stacks::One, Stacks::OneOfEach),
            (callback.to_owned(), Stacks::One, Stacks::OneOfEach),
            (format!("{plain} async"), Stacks::All, Stacks::All),
        ] {
            let stacks = |text: &str| read(&wat::parse_str(text).unwrap()).stacks;
            assert_eq!(stacks(&component("", &options)), alone, "{options}");
            let composed = format!("(component {} (instance (instantiate $c)))", component("$c", &options));
            assert_eq!(stacks(&composed), inner, "{options}");
        }
    }

    #[test]
    fn calls_that_hold_stacks_are_few_and_counted() {
        let needs = |stacks| Needs { core_instances: 3, memories: 2, tables: 1, stacks };
        for (who, isolation, instances, calls, stacks) in [
            (Stacks::One, Isolation::Shared, None, 256, 2),
            (Stacks::One, Isolation::Shared, Some(1), 256, 2),
            (Stacks::OneOfEach, Isolation::Shared, None, 256, 5),
            (Stacks::All, Isolation::Shared, None, 32, 37),
            (Stacks::All, Isolation::Shared, Some(1), 100, 105),
            (Stacks::All, Isolation::Reuse, None, 1, 6),
            (Stacks::One, Isolation::Request, None, 1, 2),
        ] {
            let needs = needs(who);
            assert_eq!(needs.calls(isolation, instances, 100), calls);
            assert_eq!(needs.amounts(calls), [1, 3, 2, 1, stacks]);
        }
    }
}
