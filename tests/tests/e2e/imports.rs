//! Every import that handlers may have, by reflection over the WIT: where what it makes the
//! host keep is counted; and those that keep nothing, called a hundred thousand times.
//!
//! What is counted follows from a function's types. One that is awaited is on the account
//! while it is under way, and with what has not been read of it; one that makes a handle, a
//! stream or a future adds an entry to a table, which is weighed; one that hands content to a
//! resource changes what that weighs. What is left is handed nothing that could be kept. The
//! list is kept as a snapshot, so that no import comes without somebody seeing its account.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use patchboard_tests::{Server, workspace};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, FunctionKind, Handle, InterfaceId, Resolve, Type, TypeDefKind, TypeId};

/// What the host itself calls, and the ends of a program.
const NOT_IMPORTED: [&str; 4] =
    ["wasi:http/incoming-handler@", "wasi:http/handler@", "wasi:cli/run@", "patchboard:handler/handler@"];
const ENDS: &str = "wasi:cli/exit@";
/// What an operator has to grant.
const GRANTED: [&str; 4] =
    ["wasi:keyvalue/", "wasi:blobstore/", "patchboard:handler/key-value", "wasi:config/"];

/// Calls of each function that keeps nothing, and what the server may have come to by them.
const CALLS: u32 = 100_000;
const FEW_CALLS: u32 = 100;
/// Handlers that are not loaded yet, at most.
const AT_ONCE: usize = 2;
const MORE_BYTES: u64 = 24 << 20;

/// Where it is counted what a function makes the host keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Account {
    Awaited,
    Table,
    Resource,
    Nothing,
}

impl Account {
    fn text(self) -> &'static str {
        match self {
            Self::Awaited => "while it is under way, and what of it is not read",
            Self::Table => "an entry of a table",
            Self::Resource => "in its resource, which is weighed",
            Self::Nothing => "nothing, since it is handed nothing to keep",
        }
    }
}

fn wit() -> Resolve {
    let mut resolve = Resolve::default();
    resolve.push_dir(workspace().join("wit")).expect("the contract is WIT");
    resolve
}

/// Whether a value of the type holds one that `is`.
fn holds(resolve: &Resolve, ty: &Type, is: &dyn Fn(&TypeDefKind) -> bool, text: bool) -> bool {
    let Type::Id(id) = ty else { return text && *ty == Type::String };
    let kind = &resolve.types[*id].kind;
    let any = |types: &[Type]| types.iter().any(|ty| holds(resolve, ty, is, text));
    is(kind)
        || match kind {
            TypeDefKind::Type(ty) | TypeDefKind::Option(ty) | TypeDefKind::List(ty) => any(&[*ty]),
            TypeDefKind::Record(record) => record.fields.iter().any(|field| any(&[field.ty])),
            TypeDefKind::Tuple(tuple) => any(&tuple.types),
            TypeDefKind::Variant(variant) => {
                variant.cases.iter().filter_map(|case| case.ty).any(|ty| any(&[ty]))
            }
            TypeDefKind::Result(result) => result.ok.iter().chain(&result.err).any(|ty| any(&[*ty])),
            _ => false,
        }
}

/// Handles that are given away, streams and futures.
fn is_owned(kind: &TypeDefKind) -> bool {
    matches!(kind, TypeDefKind::Handle(Handle::Own(_)) | TypeDefKind::Stream(_) | TypeDefKind::Future(_))
}

fn is_future(kind: &TypeDefKind) -> bool {
    matches!(kind, TypeDefKind::Future(_))
}

fn account(resolve: &Resolve, interface: &str, function: &Function) -> Account {
    let result = function.result.as_ref();
    let gives = |is: &dyn Fn(&TypeDefKind) -> bool| result.is_some_and(|ty| holds(resolve, ty, is, false));
    let takes = |is: &dyn Fn(&TypeDefKind) -> bool, text| {
        function.params.iter().any(|parameter| holds(resolve, &parameter.ty, is, text))
    };
    let is_method = matches!(function.kind, FunctionKind::Method(_) | FunctionKind::AsyncMethod(_));
    let is_list = |kind: &TypeDefKind| matches!(kind, TypeDefKind::List(_));
    if function.kind.is_async() || interface.contains("-futures@") && gives(&is_future) {
        Account::Awaited
    } else if matches!(function.kind, FunctionKind::Constructor(_)) || gives(&is_owned) {
        Account::Table
    } else if takes(&is_owned, false) || is_method && takes(&is_list, true) {
        Account::Resource
    } else {
        Account::Nothing
    }
}

/// Whether it is tried that a function keeps nothing, where something gives what it needs.
fn is_called(interface: &str, account: Account) -> bool {
    let is_granted = GRANTED.iter().any(|prefix| interface.starts_with(prefix));
    account == Account::Nothing && !interface.starts_with(ENDS) && !is_granted
}

/// All functions that can be imported, with their interfaces' names.
fn functions(resolve: &Resolve) -> Vec<(InterfaceId, String, &Function)> {
    let mut all = Vec::new();
    for (id, interface) in resolve.interfaces.iter() {
        let Some(name) = resolve.id_of(id) else { continue };
        if !NOT_IMPORTED.iter().any(|prefix| name.starts_with(prefix)) {
            all.extend(interface.functions.values().map(|function| (id, name.clone(), function)));
        }
    }
    all.sort_by(|one, other| (&one.1, &one.2.name).cmp(&(&other.1, &other.2.name)));
    all
}

#[test]
fn each_import_has_an_account() {
    let resolve = wit();
    let mut list = BTreeMap::<_, Vec<_>>::new();
    for (_, interface, function) in functions(&resolve) {
        let account = account(&resolve, &interface, function);
        let line =
            match is_called(&interface, account) && component(&resolve, &interface, function, 1).is_some() {
                true => format!("  {}: {}, which is tried", function.name, account.text()),
                false => format!("  {}: {}", function.name, account.text()),
            };
        list.entry(interface).or_default().push(line);
    }
    let text = list
        .iter()
        .fold(String::new(), |text, (interface, lines)| text + interface + "\n" + &lines.join("\n") + "\n");
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("imports", text);
    });
}

/// A core module that calls a function so many times, in WebAssembly's text.
struct Caller<'r> {
    resolve: &'r Resolve,
    imports: BTreeMap<(String, String), (String, String)>,
}

impl Caller<'_> {
    /// The name of the imported function within the module.
    fn import(&mut self, interface: &str, function: &Function) -> String {
        let signature = self.resolve.wasm_signature(AbiVariant::GuestImport, function);
        let params: String = signature.params.iter().map(|ty| format!(" {}", core(*ty))).collect();
        let results: String = signature.results.iter().map(|ty| format!(" {}", core(*ty))).collect();
        let name = format!("$f{}", self.imports.len());
        let ty = format!("(param{params}) (result{results})");
        let key = (interface.to_owned(), function.name.clone());
        self.imports.entry(key).or_insert((name, ty)).0.clone()
    }

    /// Code that calls it; its own handle, where it has one, comes from `handle`.
    fn call(&mut self, interface: &str, function: &Function, handle: Option<&str>) -> Option<String> {
        let signature = self.resolve.wasm_signature(AbiVariant::GuestImport, function);
        if signature.indirect_params {
            return None;
        }
        let mut code = String::new();
        for (at, parameter) in function.params.iter().enumerate() {
            if let (0, Some(handle)) = (at, handle) {
                code += handle;
                continue;
            }
            let alone = Function {
                params: vec![parameter.clone()],
                result: None,
                kind: FunctionKind::Freestanding,
                ..function.clone()
            };
            let flat = self.resolve.wasm_signature(AbiVariant::GuestImport, &alone).params;
            if parameter.ty == Type::String {
                // Some letters.
                code += "(i32.const 65536) (i32.const 1000) ";
                continue;
            }
            let value =
                if flat.len() == 1 && !matches!(parameter.ty, Type::Id(_) | Type::Bool) { 16 } else { 0 };
            flat.iter().for_each(|ty| code += &format!("({}.const {value}) ", core(*ty)));
        }
        if signature.retptr {
            code += "(i32.const 1024) ";
        }
        let name = self.import(interface, function);
        Some(format!("{code}(call {name}) "))
    }

    /// Code that leaves a handle of the resource, if some function gives one for nothing.
    fn make(&mut self, resource: TypeId, depth: u32) -> Option<String> {
        let resolve = self.resolve;
        for (_, interface, function) in functions(resolve) {
            let gives = function.result.is_some_and(|ty| owned(resolve, &ty) == Some(resource));
            if !gives || function.kind.is_async() || depth == 0 {
                continue;
            }
            let mut handles = String::new();
            let owns: Vec<_> =
                function.params.iter().map(|parameter| owned(resolve, &parameter.ty)).collect();
            match owns.as_slice() {
                [] => {}
                [Some(needed)] => handles = self.make(*needed, depth - 1)?,
                [None] if matches!(function.params[0].ty, Type::U64) => {}
                _ => continue,
            }
            let handle = (!handles.is_empty()).then_some(handles.as_str());
            return self.call(&interface, function, handle);
        }
        None
    }

    fn module(&self, prepare: &str, call: &str, drops: usize, calls: u32, handle: &Function) -> String {
        let mut text = String::from("(module\n");
        for ((interface, function), (name, ty)) in &self.imports {
            let _ = writeln!(text, "(import \"{interface}\" \"{function}\" (func {name} {ty}))");
        }
        let signature = self.resolve.wasm_signature(AbiVariant::GuestExport, handle);
        let params: String = signature.params.iter().map(|ty| format!(" {}", core(*ty))).collect();
        let results: String = signature.results.iter().map(|ty| format!(" {}", core(*ty))).collect();
        let drops = "(drop) ".repeat(drops);
        let _ = write!(
            text,
            "(memory (export \"memory\") 64)
             (global $at (mut i32) (i32.const 1048576))
             (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (local $from i32)
                (local.set $from (i32.and (i32.add (global.get $at) (i32.const 15)) (i32.const -16)))
                (global.set $at (i32.add (local.get $from) (local.get 3)))
                (local.get $from))
             (func (export \"_initialize\") (local $handle i32) (local $left i32)
                (memory.fill (i32.const 65536) (i32.const 120) (i32.const 64))
                {prepare}
                (local.set $left (i32.const {calls}))
                (loop $again
                    (global.set $at (i32.const 1048576))
                    {call} {drops}
                    (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))))
             (func (export \"patchboard:handler/handler@0.2.0#handle\") (param{params}) (result{results})
                unreachable))"
        );
        text
    }
}

fn core(ty: WasmType) -> &'static str {
    match ty {
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
        _ => "i32",
    }
}

/// The resource, where the type is a handle that is given away.
fn owned(resolve: &Resolve, ty: &Type) -> Option<TypeId> {
    let Type::Id(id) = ty else { return None };
    match &resolve.types[*id].kind {
        TypeDefKind::Handle(Handle::Own(resource)) => Some(definition(resolve, *resource)),
        TypeDefKind::Type(ty) => owned(resolve, ty),
        _ => None,
    }
}

/// What a type that is used from another interface is there.
fn definition(resolve: &Resolve, id: TypeId) -> TypeId {
    match &resolve.types[id].kind {
        TypeDefKind::Type(Type::Id(other)) => definition(resolve, *other),
        _ => id,
    }
}

/// A handler that calls the function when it starts; none where nothing gives it a handle.
fn component(wit: &Resolve, interface: &str, function: &Function, calls: u32) -> Option<Vec<u8>> {
    let handler = functions_of(wit, "patchboard:handler/handler@0.2.0").pop()?;
    let mut caller = Caller { resolve: wit, imports: BTreeMap::new() };
    let (prepare, handle) = match function.kind {
        FunctionKind::Method(resource) => {
            let made = caller.make(definition(wit, resource), 2)?;
            (format!("(local.set $handle {made})"), Some("(local.get $handle) "))
        }
        _ => (String::new(), None),
    };
    let lends = |kind: &TypeDefKind| matches!(kind, TypeDefKind::Handle(_));
    let others = function.params.iter().skip(usize::from(handle.is_some()));
    if others.into_iter().any(|parameter| holds(wit, &parameter.ty, &lends, false)) {
        return None;
    }
    let call = caller.call(interface, function, handle)?;
    let drops = wit.wasm_signature(AbiVariant::GuestImport, function).results.len();
    let module = caller.module(&prepare, &call, drops, calls, &handler);
    let imports: String = {
        let mut interfaces: Vec<_> = caller.imports.keys().map(|(interface, _)| interface.clone()).collect();
        interfaces.dedup();
        interfaces.iter().map(|interface| format!("import {interface};\n")).collect()
    };
    let world =
        format!("package test:calls;\nworld calls {{\n{imports}export patchboard:handler/handler@0.2.0;\n}}");
    let mut resolve = wit.clone();
    let package = resolve.push_str("calls.wit", &world).expect("the world is WIT");
    let world = resolve.select_world(&[package], None).expect("there is one");
    let mut module = wat::parse_str(&module).unwrap_or_else(|error| panic!("{error}: {module}"));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("it has a world");
    let encoder = ComponentEncoder::default().validate(false).module(&module).expect("it is a module");
    Some({ encoder }.encode().unwrap_or_else(|error| panic!("{interface} {}: {error:#}", function.name)))
}

fn functions_of(resolve: &Resolve, wanted: &str) -> Vec<Function> {
    let found = resolve.interfaces.iter().filter(|(id, _)| resolve.id_of(*id).as_deref() == Some(wanted));
    found.flat_map(|(_, interface)| interface.functions.values().cloned()).collect()
}

#[test]
fn what_keeps_nothing_is_called_for_nothing() {
    let resolve = wit();
    let server = Server::builder().variable("RUST_BACKTRACE", "0").server("cores = 1").start();
    let mut peaks = Vec::new();
    for (round, calls) in [("few", FEW_CALLS), ("many", CALLS)] {
        let mut names: Vec<String> = Vec::new();
        for (_, interface, function) in functions(&resolve) {
            if !is_called(&interface, account(&resolve, &interface, function)) {
                continue;
            }
            let Some(component) = component(&resolve, &interface, function, calls) else { continue };
            let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
            let name: String = format!("{round}-{interface}-{}", function.name).chars().map(plain).collect();
            server.put(&format!("handlers/{name}.wasm"), component);
            names.push(name);
            // What a handler does when it starts it does before it is loaded, or fails. A few
            // at a time, so that how many there are is no matter of patience.
            if let Some(earlier) = names.len().checked_sub(AT_ONCE) {
                server.log.wait_for(&format!("loaded handler=\"{}\"", names[earlier]));
            }
        }
        assert!(names.len() > 40, "{} functions: {names:?}", names.len());
        for name in names.iter().rev().take(AT_ONCE) {
            server.log.wait_for(&format!("loaded handler=\"{name}\""));
        }
        peaks.push(server.peak_memory());
    }
    let more = peaks[1].saturating_sub(peaks[0]);
    assert!(more < MORE_BYTES, "{} MiB more by {CALLS} calls of each", more >> 20);
}
