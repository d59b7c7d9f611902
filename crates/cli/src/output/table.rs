//! Text in columns, spaced as runc's `list` has them (Go's tabwriter: cells of 12 at least, three spaces between).
//! Runs in: parent.

const LEAST_WIDTH: usize = 12;
const PADDING: usize = 3;

/// The rows, each ended by a newline. The last column is not padded.
#[must_use]
pub fn columns<const N: usize>(rows: &[[&str; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let widest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        (widest + PADDING).max(LEAST_WIDTH)
    });
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

#[cfg(test)]
mod tests {
    use super::columns;

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
    }
}
