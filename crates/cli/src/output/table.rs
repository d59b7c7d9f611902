//! Text in columns: spaced as runc's `list` has them (Go's tabwriter: cells of 12 at least, three spaces between), or closer, for
//! whoever looks at a terminal.
//! Runs in: parent.

const LEAST_WIDTH: usize = 12;
const PADDING: usize = 3;

/// The rows, each ended by a newline. The last column is not padded.
#[must_use]
pub fn columns<const N: usize>(rows: &[[&str; N]]) -> String {
    let widths = widths(rows).map(|widest| (widest + PADDING).max(LEAST_WIDTH));
    let mut out = String::new();
    for row in rows {
        for (cell, width) in row.iter().zip(widths).take(N - 1) {
            out.push_str(cell);
            out.extend(std::iter::repeat_n(' ', width - cell.chars().count()));
        }
        out.push_str(row[N - 1]);
        out.push('\n');
    }
    out
}

/// Each cell as wide as its column, but for the last of a row: to be coloured, and joined with [`BETWEEN`].
#[must_use]
pub fn padded<const N: usize>(mut rows: Vec<[String; N]>) -> Vec<[String; N]> {
    let widths = widths(&rows);
    for row in &mut rows {
        for (cell, width) in row.iter_mut().zip(widths).take(N - 1) {
            *cell = format!("{cell:width$}");
        }
    }
    rows
}

/// What stands between two [`padded`] cells.
pub const BETWEEN: &str = "  ";

fn widths<const N: usize>(rows: &[[impl AsRef<str>; N]]) -> [usize; N] {
    let width = |row: &[_; N], column: usize| AsRef::<str>::as_ref(&row[column]).chars().count();
    std::array::from_fn(|column| rows.iter().map(|row| width(row, column)).max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::{columns, padded};

    #[test]
    fn cells_are_twelve_wide_or_three_wider_than_the_widest() {
        assert_eq!(columns(&[["ID", "OWNER"]]), "ID          OWNER\n");
        assert_eq!(
            columns(&[["ID", "OWNER"], ["123456789", "root"]]),
            "ID          OWNER\n123456789   root\n"
        );
        assert_eq!(
            columns(&[["ID", "OWNER"], ["1234567890", "root"]]),
            "ID           OWNER\n1234567890   root\n"
        );
    }

    #[test]
    fn width_counts_characters_not_bytes() {
        assert_eq!(columns(&[["größe", "x"]]), "größe       x\n");
        let rows = [["größe", "x"], ["ab", "größe"]].map(|row| row.map(str::to_owned));
        assert_eq!(padded(rows.to_vec()), [["größe", "x"], ["ab   ", "größe"]]);
    }
}
