//! The map that LLVM's linker writes: which piece of which file lies where.

use std::fs;
use std::path::Path;

/// A piece of code as it came to the linker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    /// Where it lies.
    pub(super) start: u64,
    /// In bytes.
    pub(super) size: u64,
    /// Whose it is: a file, or `archive.a(member.o)`.
    pub(super) file: String,
    /// `.text.…`
    pub(super) name: String,
}

impl Section {
    /// Whether `address` lies in it.
    pub(super) fn has(&self, address: u64) -> bool {
        (self.start..self.start + self.size).contains(&address)
    }
}

/// All pieces of code, in their order.
#[derive(Debug)]
pub(super) struct Map(Vec<Section>);

impl Map {
    /// # Errors
    /// It cannot be read, or no code is in it.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let sections: Vec<_> = text.lines().filter_map(section).collect();
        if sections.is_empty() { Err("the linker's map is not LLVM's".into()) } else { Ok(Self(sections)) }
    }

    /// The pieces.
    pub(super) fn sections(&self) -> &[Section] {
        &self.0
    }
}

/// `df3c0 df3c0 26 16 /usr/lib/libc.a(malloc.o):(.text)` says address, address in the file, size, alignment, piece.
fn section(line: &str) -> Option<Section> {
    let (file, name) = line.trim_end().strip_suffix(')')?.split_once(":(")?;
    let mut words = file.split_whitespace();
    let mut number = || words.next().and_then(|word| u64::from_str_radix(word, 16).ok());
    let (start, _, size, _) = (number()?, number()?, number()?, number()?);
    let file = words.next()?.to_owned();
    (name.starts_with(".text") && size > 0).then(|| Section { start, size, file, name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_map_with_code_is_a_section_and_no_other_is() {
        let line =
            "           df3c0            df3c0      126    16         /usr/lib/libc.a(malloc.o):(.text.hot)";
        let expected = Section {
            start: 0xdf3c0,
            size: 0x126,
            file: "/usr/lib/libc.a(malloc.o)".into(),
            name: ".text.hot".into(),
        };
        assert_eq!(section(line), Some(expected.clone()));
        assert!(expected.has(0xdf3c0) && !expected.has(0xdf3c0 + 0x126));
        for other in [
            "           df3c0            df3c0       26    16                 malloc",
            "           df3c0            df3c0       26    16         a.o:(.rodata)",
            "           df3c0            df3c0        0    16         a.o:(.text)",
            "             VMA              LMA     Size Align Out     In      Symbol",
        ] {
            assert_eq!(section(other), None, "{other}");
        }
    }
}
