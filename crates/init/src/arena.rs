//! The allocator: memory is taken from a fixed piece in order and given back only when it was the last piece taken.
//!
//! Runs in: brig-init, from its first instruction to execve. The piece lies in `.bss`, so that what is never used is never
//! there. One thread only.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::{Cell, UnsafeCell};
use core::ptr;

/// Enough for the largest task that the kernel's limits on arguments allow, several times over.
const SIZE: usize = 16 << 20;

/// See the module.
pub(crate) struct Arena {
    memory: UnsafeCell<[u8; SIZE]>,
    used: Cell<usize>,
    /// Nothing at or above this was ever handed out: it is still zero, and not yet there.
    touched: Cell<usize>,
}

// SAFETY: brig-init has one thread; its children are processes with memory of their own.
unsafe impl Sync for Arena {}

impl Arena {
    pub(crate) const fn new() -> Self {
        Self { memory: UnsafeCell::new([0; SIZE]), used: Cell::new(0), touched: Cell::new(0) }
    }

    fn hand_out_to(&self, end: usize) {
        self.used.set(end);
        self.touched.set(self.touched.get().max(end));
    }

    fn base(&self) -> *mut u8 {
        self.memory.get().cast()
    }
}

// SAFETY: pieces are disjoint (`used` only grows past what is handed out, or falls back to the start of the last piece when
// that is given back), aligned by construction, and within `memory`.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.base();
        let start = (base.addr() + self.used.get()).next_multiple_of(layout.align()) - base.addr();
        match start.checked_add(layout.size()) {
            Some(end) if end <= SIZE => {
                self.hand_out_to(end);
                // SAFETY: start <= SIZE, checked above.
                unsafe { base.add(start) }
            }
            _ => ptr::null_mut(),
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let touched = self.touched.get();
        // SAFETY: the same contract.
        let piece = unsafe { self.alloc(layout) };
        if !piece.is_null() {
            let used_before = (self.base().addr() + touched).saturating_sub(piece.addr()).min(layout.size());
            // SAFETY: the piece is live and at least that long.
            unsafe { ptr::write_bytes(piece, 0, used_before) };
        }
        piece
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        let start = piece.addr() - self.base().addr();
        if start + layout.size() == self.used.get() {
            self.used.set(start);
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let start = piece.addr() - self.base().addr();
        let last = start + layout.size() == self.used.get();
        if last && size <= SIZE - start {
            self.hand_out_to(start + size);
            return piece;
        }
        // SAFETY: `size` is not 0 (GlobalAlloc's contract) and the alignment comes from a valid layout.
        let wider = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: `wider` has a size that is not 0.
        let moved = unsafe { self.alloc(wider) };
        if !moved.is_null() {
            // SAFETY: both pieces are live and disjoint, and each holds at least the smaller of the two sizes.
            unsafe { ptr::copy_nonoverlapping(piece, moved, layout.size().min(size)) };
        }
        moved
    }
}
