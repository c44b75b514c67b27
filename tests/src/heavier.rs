//! Components that need more of the pool than they use.

/// `component` with so many instances more of the core module `module`, which is written as
/// text and imports nothing. What it does stays the same.
///
/// # Panics
///
/// If the one is no component, or the other no module.
pub fn with_instances(component: &[u8], module: &str, instances: u32) -> Vec<u8> {
    let module = wat::parse_str(module).expect("the text is a module");
    let index = modules(component);
    let mut heavier = component.to_vec();
    section(&mut heavier, 1, &module);
    let mut list = number(instances);
    for _ in 0..instances {
        // `instantiate`, without arguments.
        list.push(0);
        list.extend(number(index));
        list.push(0);
    }
    section(&mut heavier, 2, &list);
    heavier
}

/// The core modules of a component: a section each, not those within other components.
fn modules(component: &[u8]) -> u32 {
    let (preamble, mut rest) = component.split_at(8);
    assert_eq!(preamble, b"\0asm\x0d\0\x01\0", "it is a component");
    let mut modules = 0;
    while let Some((id, after)) = rest.split_first() {
        let (mut length, mut shift, mut after) = (0, 0, after);
        loop {
            let (byte, further) = after.split_first().expect("a section has a length");
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            after = further;
            if byte & 0x80 == 0 {
                break;
            }
        }
        modules += u32::from(*id == 1);
        rest = &after[length..];
    }
    modules
}

fn section(component: &mut Vec<u8>, id: u8, content: &[u8]) {
    component.push(id);
    component.extend(number(u32::try_from(content.len()).expect("a section is short")));
    component.extend(content);
}

/// In LEB128.
fn number(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
