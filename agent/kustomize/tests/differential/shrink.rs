//! Makes a case smaller while it still differs: files, then entries of lists and maps, go one by one.

use windlass_object::Value;

use super::Model;

/// How often the oracle is asked for one case at most.
const QUESTIONS: usize = 1500;

/// The smallest case that was found.
pub(crate) fn shrink(mut model: Model, differs: &dyn Fn(&Model) -> bool) -> Model {
    let mut questions = 0;
    loop {
        let before = model.clone();
        for path in before.keys() {
            let mut smaller = model.clone();
            smaller.remove(path);
            questions += 1;
            if differs(&smaller) {
                model = smaller;
            }
        }
        for path in before.keys() {
            shrink_file(&mut model, path, differs, &mut questions);
        }
        if model == before || questions > QUESTIONS {
            return model;
        }
    }
}

fn shrink_file(
    model: &mut Model,
    path: &str,
    differs: &dyn Fn(&Model) -> bool,
    questions: &mut usize,
) {
    let mut position = 0;
    while let Some(mut file) = model.get(path).cloned() {
        if *questions > QUESTIONS || !remove(&mut file, &mut position.clone()) {
            return;
        }
        *questions += 1;
        let mut smaller = model.clone();
        smaller.insert(path.to_owned(), file);
        if differs(&smaller) {
            *model = smaller;
        } else {
            position += 1;
        }
    }
}

/// Removes the entry at a position, counting through the whole value, outer entries first.
fn remove(value: &mut Value, position: &mut usize) -> bool {
    match value {
        Value::Array(items) => {
            if *position < items.len() {
                items.remove(*position);
                return true;
            }
            *position -= items.len();
            items.iter_mut().any(|item| remove(item, position))
        }
        Value::Object(fields) => {
            if *position < fields.len() {
                let key = fields.keys().nth(*position).unwrap().clone();
                fields.remove(&key);
                return true;
            }
            *position -= fields.len();
            fields.values_mut().any(|field| remove(field, position))
        }
        _ => false,
    }
}
