//! The allocator of components: small blocks that were freed are kept, by size, and given
//! out again.
//!
//! The host writes each string of a request into memory that it asks the guest for, and the
//! guest gives all of it back a moment later: some twenty blocks a call, which are most of
//! what a small handler does. Taking one from a list costs a fifth of what dlmalloc (the
//! allocator of wasi-libc, below this one) takes. A list keeps a few blocks only, so that what
//! was small can be something large again; the rest goes back at once.
//!
//! A component that has an allocator of its own turns the feature `allocator` off.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::{self, null_mut};

/// A component has one thread.
#[cfg(all(feature = "allocator", target_family = "wasm", not(target_feature = "atomics")))]
#[global_allocator]
static ALLOCATOR: Lists = Lists::new();

/// Sizes are rounded up to a multiple of this, in bytes. A free block holds a pointer.
const STEP: usize = 16;

/// How many lists there are: for blocks of up to 512 bytes.
const LISTS: usize = 32;

/// How many free blocks a list keeps: 136 KiB in all, if every list is full.
const KEPT: usize = 16;

/// The alignment up to which dlmalloc needs no detour.
const ALIGN: usize = 8;

/// Free blocks of each small size, above the system's allocator.
struct Lists(UnsafeCell<[List; LISTS]>);

#[derive(Clone, Copy)]
struct List {
    first: *mut Free,
    kept: usize,
}

/// What is in a free block.
struct Free {
    next: *mut Free,
}

// SAFETY: without atomics WebAssembly has one thread, and nothing here is interrupted.
#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
unsafe impl Sync for Lists {}

impl Lists {
    const fn new() -> Self {
        Self(UnsafeCell::new([List { first: null_mut(), kept: 0 }; LISTS]))
    }
}

/// The list of a block, where it is a small one.
#[inline]
fn index(layout: Layout) -> Option<usize> {
    // A size of 0, which no allocator is asked for, belongs to none.
    let index = layout.size().wrapping_sub(1) / STEP;
    (index < LISTS && layout.align() <= ALIGN).then_some(index)
}

/// What the blocks of a list are allocated as.
#[inline]
fn rounded(index: usize) -> Layout {
    // SAFETY: the alignment is a power of two, the size small.
    unsafe { Layout::from_size_align_unchecked((index + 1) * STEP, ALIGN) }
}

// SAFETY: a small block is always of the size of its list, whichever way it came, and so can
// go either way; what is on a list belongs to nobody else; all else is the system's.
unsafe impl GlobalAlloc for Lists {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(index) = index(layout) else {
            // SAFETY: as the caller has promised.
            return unsafe { System.alloc(layout) };
        };
        // SAFETY: one thread, and the reference ends before anything is called; the block
        // was put there by `dealloc`.
        unsafe {
            let list = &mut (*self.0.get())[index];
            let block = list.first;
            if block.is_null() {
                return System.alloc(rounded(index));
            }
            list.first = (*block).next;
            list.kept -= 1;
            block.cast()
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(index) = index(layout) else {
            // SAFETY: as the caller has promised.
            return unsafe { System.dealloc(block, layout) };
        };
        // SAFETY: as above; the block has room for `Free`, and its alignment.
        unsafe {
            let list = &mut (*self.0.get())[index];
            if list.kept == KEPT {
                return System.dealloc(block, rounded(index));
            }
            let block = block.cast::<Free>();
            block.write(Free { next: list.first });
            list.first = block;
            list.kept += 1;
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller has promised; the block is as large as its layout says.
        unsafe {
            if index(layout).is_none() {
                return System.alloc_zeroed(layout);
            }
            let block = self.alloc(layout);
            if !block.is_null() {
                block.write_bytes(0, layout.size());
            }
            block
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller has promised of the size; the alignment was one before.
        let grown = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (index(layout), index(grown)) {
            // SAFETY: as the caller has promised; neither layout is a small block's.
            (None, None) => unsafe { System.realloc(block, layout, size) },
            (before, after) if before == after => block,
            // SAFETY: both blocks are as large as what is copied, and different ones.
            _ => unsafe {
                let moved = self.alloc(grown);
                if !moved.is_null() {
                    ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                    self.dealloc(block, layout);
                }
                moved
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    fn kept(lists: &Lists) -> usize {
        // SAFETY: nothing else has the lists meanwhile.
        unsafe { (*lists.0.get()).iter().map(|list| list.kept).sum() }
    }

    /// Gives everything back.
    fn empty(lists: &Lists) {
        for index in 0..LISTS {
            // SAFETY: the blocks are on a list, and so nobody's.
            unsafe {
                let list = &mut (*lists.0.get())[index];
                while !list.first.is_null() {
                    let block = list.first;
                    list.first = (*block).next;
                    list.kept -= 1;
                    System.dealloc(block.cast(), rounded(index));
                }
            }
        }
    }

    #[test]
    fn a_small_block_is_given_out_again() {
        let lists = Lists::new();
        // SAFETY: each block is used within its layout, and freed once.
        unsafe {
            let first = lists.alloc(layout(17, 1));
            let second = lists.alloc(layout(32, 8));
            assert_ne!(first, second);
            lists.dealloc(first, layout(17, 1));
            assert_eq!(lists.alloc(layout(31, 4)), first, "another size of the same list");
            lists.dealloc(second, layout(32, 8));
            lists.dealloc(first, layout(31, 4));
            assert_eq!(kept(&lists), 2);
            assert!(lists.alloc(layout(33, 8)) != first);
            assert_eq!(kept(&lists), 2);
        }
    }

    #[test]
    fn a_list_keeps_a_few() {
        let lists = Lists::new();
        // SAFETY: as above.
        unsafe {
            let blocks: Vec<_> = (0..100).map(|_| lists.alloc(layout(8, 8))).collect();
            for block in blocks {
                lists.dealloc(block, layout(8, 8));
            }
        }
        assert_eq!(kept(&lists), KEPT);
        empty(&lists);
        assert_eq!(kept(&lists), 0);
    }

    #[test]
    fn what_is_large_or_aligned_is_the_systems() {
        let lists = Lists::new();
        for layout in [layout(513, 8), layout(64, 16), layout(1 << 20, 4096)] {
            // SAFETY: as above.
            unsafe {
                let block = lists.alloc(layout);
                assert_eq!(block.addr() % layout.align(), 0);
                lists.dealloc(block, layout);
            }
        }
        assert_eq!(kept(&lists), 0);
    }

    #[test]
    fn contents_move_with_their_block() {
        let lists = Lists::new();
        let mut size = 1;
        // SAFETY: as above.
        unsafe {
            let mut block = lists.alloc_zeroed(layout(size, 1));
            assert_eq!(*block, 0);
            *block = 7;
            for next in [2, 16, 17, 500, 512, 513, 5000, 4000, 512, 40, 3] {
                block = lists.realloc(block, layout(size, 1), next);
                assert_eq!(*block, 7, "{size} to {next}");
                size = next;
            }
            lists.dealloc(block, layout(size, 1));
        }
        empty(&lists);
    }

    #[test]
    fn a_used_block_can_be_asked_for_zeroed() {
        let lists = Lists::new();
        // SAFETY: as above.
        unsafe {
            let block = lists.alloc(layout(64, 8));
            block.write_bytes(0xff, 64);
            lists.dealloc(block, layout(64, 8));
            let again = lists.alloc_zeroed(layout(60, 1));
            assert_eq!(again, block);
            assert!((0..60).all(|at| *again.add(at) == 0));
            lists.dealloc(again, layout(60, 1));
        }
        empty(&lists);
    }
}
