use serde_json::json;

use super::*;

fn read(text: &str) -> Vec<Value> {
    parse_documents(text.as_bytes(), &Limits::DEFAULT)
        .unwrap()
        .into_iter()
        .map(|document| document.value)
        .collect()
}

#[test]
fn documents_are_read_in_order_with_their_lines_and_empty_ones_are_dropped() {
    let text = "# nothing\n---\na: 1\n---\n---\nnull\n...\n---\nb: [x]\n";
    let documents = parse_documents(text.as_bytes(), &Limits::DEFAULT).unwrap();
    assert_eq!(
        documents,
        [
            Document {
                line: 3,
                value: json!({"a": 1})
            },
            Document {
                line: 9,
                value: json!({"b": ["x"]})
            },
        ]
    );
    assert_eq!(read(""), Vec::<Value>::new());
}
