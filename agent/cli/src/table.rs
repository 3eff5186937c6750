//! Tables as Flux prints them: tab-separated columns, padded with spaces.

/// Takes a header (empty for none) and rows and gives the text. A cell with line breaks continues
/// below itself.
pub(crate) fn render(header: &[&str], rows: &[Vec<String>]) -> String {
    let columns = rows
        .iter()
        .map(Vec::len)
        .chain([header.len()])
        .max()
        .unwrap_or_default();
    let width = |column: usize| {
        let title = header.get(column).map_or(0, |title| title.chars().count());
        let cells = rows.iter().filter_map(|row| row.get(column));
        let lines = cells
            .flat_map(|cell| cell.lines())
            .map(|line| line.chars().count());
        lines.chain([title]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    if !header.is_empty() {
        let titles: Vec<String> = header.iter().map(|title| title.to_uppercase()).collect();
        let line = join(&widths, |column| {
            titles.get(column).map_or("", String::as_str)
        });
        // Flux's header ends in a space where rows end in a tab.
        text.push_str(line.trim_end_matches('\t'));
        text.push_str(" \n");
    }
    for row in rows {
        let height = row
            .iter()
            .map(|cell| cell.lines().count())
            .max()
            .unwrap_or_default()
            .max(1);
        for line in 0..height {
            let cell = |column: usize| {
                let cell: &String = row.get(column)?;
                cell.lines().nth(line)
            };
            text.push_str(&join(&widths, |column| cell(column).unwrap_or_default()));
            text.push('\n');
        }
    }
    text
}

/// Like [`render`], for pages that are not Flux's: two spaces between columns, nothing after the last.
pub(crate) fn aligned(header: &[&str], rows: &[Vec<String>]) -> String {
    let text = render(header, rows);
    let lines = text.lines().map(|line| line.trim_end().replace('\t', "  "));
    lines.map(|line| line + "\n").collect()
}

fn join<'a>(widths: &[usize], cell: impl Fn(usize) -> &'a str) -> String {
    let padded = widths.iter().enumerate().map(|(column, width)| {
        let text = cell(column);
        format!("{text:width$}\t")
    });
    padded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    #[test]
    fn columns_are_padded_and_end_in_tabs_as_flux_prints_them() {
        let rows = [
            row(&["apps", "main@sha1:67e2c98a", "True"]),
            row(&["b", "", "False"]),
        ];
        assert_eq!(
            render(&["Name", "Revision", "Ready"], &rows),
            "NAME\tREVISION          \tREADY \n\
             apps\tmain@sha1:67e2c98a\tTrue \t\n\
             b   \t                  \tFalse\t\n"
        );
    }

    #[test]
    fn without_a_header_only_rows_are_printed() {
        assert_eq!(render(&[], &[row(&["a", "b"])]), "a\tb\t\n");
        assert_eq!(render(&[], &[]), "");
        assert_eq!(render(&["A"], &[]), "A \n");
    }

    #[test]
    fn a_cell_with_line_breaks_continues_below() {
        let rows = [row(&["x", "first\nsecond line"]), row(&["ü", "z"])];
        assert_eq!(
            render(&[], &rows),
            "x\tfirst      \t\n \tsecond line\t\nü\tz          \t\n"
        );
    }
}
