//! What checking values against a schema may cost at most, found before it is done: a validator that follows
//! references again and again takes time that doubles with every level, and cannot be stopped.

use std::collections::HashMap;

use jsonschema::{Draft, Registry};
use referencing::Resolver;
use serde_json::{Map, Value as Json};

use crate::schema::{BASE, Nothing};

/// Pairs of a schema and a value that are looked at, again and again: the largest schemas of charts in use take
/// some hundred thousand, and this many take some seconds.
const MAX_CHECKS: u64 = 20_000_000;

/// Pairs that differ: each takes some 50 bytes while they are counted.
const MAX_PAIRS: usize = 1_000_000;

/// How many schemas lie or refer below each other while one value is looked at; each takes stack.
const MAX_DEPTH: usize = 1000;

/// The name of any property: nothing below it matters.
static NAME: Json = Json::Null;

/// A schema and a value, by where they are in memory.
type Pair = (usize, usize);

/// A schema that another one hands a value to.
struct Handed<'r, 'v> {
    schema: &'r Json,
    resolver: Resolver<'r>,
    value: &'v Json,
}

struct Count {
    /// What a pair costs; none while it is being counted.
    known: HashMap<Pair, Option<u64>>,
    steps: u64,
    draft: Draft,
}

/// Refuses schemas that would be followed without end or for too long, and references out of the schema.
pub(super) fn check(schema: &Json, values: &Json) -> Result<(), String> {
    let draft = Draft::default().detect(schema);
    let resource = draft.create_resource_ref(schema);
    let registry = Registry::new()
        .retriever(Nothing)
        .draft(draft)
        .add(BASE, resource)
        .and_then(jsonschema::RegistryBuilder::prepare)
        .map_err(unusable)?;
    let base = jsonschema::uri::from_str(BASE).map_err(unusable)?;
    let mut count = Count {
        known: HashMap::new(),
        steps: 0,
        draft,
    };
    let start = Handed {
        schema,
        resolver: registry.resolver(base),
        value: values,
    };
    count.pair(&start, 0)?;
    Ok(())
}

fn unusable(error: impl std::error::Error) -> String {
    let cause = error.source();
    let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
    format!("values.schema.json cannot be used: {error}{cause}\n")
}

// === impl Count ===

impl Count {
    fn pair(&mut self, handed: &Handed<'_, '_>, depth: usize) -> Result<u64, String> {
        let Json::Object(keywords) = handed.schema else {
            return Ok(1);
        };
        if depth > MAX_DEPTH {
            return Err(format!(
                "values.schema.json leads through more than {MAX_DEPTH} schemas below each other\n"
            ));
        }
        let pair = (
            std::ptr::from_ref(handed.schema).addr(),
            std::ptr::from_ref(handed.value).addr(),
        );
        match self.known.get(&pair) {
            Some(Some(cost)) => return Ok(*cost),
            Some(None) => {
                return Err("values.schema.json refers to itself without end\n".to_owned());
            }
            None => {}
        }
        self.known.insert(pair, None);
        let resource = self.draft.create_resource_ref(handed.schema);
        let resolver = handed.resolver.in_subresource(resource).map_err(unusable)?;
        let mut cost = 1 + in_enum(keywords);
        for handed in hand_on(keywords, &resolver, handed.value)? {
            self.steps += 1;
            cost = cost.saturating_add(self.pair(&handed, depth + 1)?);
            if cost.max(self.steps) > MAX_CHECKS || self.known.len() > MAX_PAIRS {
                return Err(format!(
                    "values.schema.json takes more than {MAX_CHECKS} checks of these values; \
                     do its references branch again and again?\n"
                ));
            }
        }
        if ["unevaluatedProperties", "unevaluatedItems"]
            .iter()
            .any(|keyword| keywords.contains_key(*keyword))
        {
            // What was looked at is found by looking again, for each property.
            cost = cost.saturating_mul(1 + children(handed.value));
        }
        self.known.insert(pair, Some(cost));
        Ok(cost)
    }
}

fn children(value: &Json) -> u64 {
    match value {
        Json::Array(items) => items.len() as u64,
        Json::Object(fields) => fields.len() as u64,
        _ => 0,
    }
}

fn in_enum(keywords: &Map<String, Json>) -> u64 {
    let entries = keywords.get("enum").and_then(Json::as_array);
    entries.map_or(0, |entries| entries.len() as u64)
}

/// Every schema that looks at a value, or at what is in it, because a schema does; more than do in the end.
fn hand_on<'r, 'v>(
    keywords: &'r Map<String, Json>,
    resolver: &Resolver<'r>,
    value: &'v Json,
) -> Result<Vec<Handed<'r, 'v>>, String> {
    let mut handed = Vec::new();
    for (keyword, schema) in keywords {
        match (keyword.as_str(), schema) {
            ("$ref", Json::String(reference)) => {
                let found = resolver.lookup(reference).map_err(unusable)?;
                let (schema, resolver, _) = found.into_inner();
                handed.push(Handed {
                    schema,
                    resolver,
                    value,
                });
            }
            ("$dynamicRef" | "$recursiveRef", Json::String(reference)) => {
                return Err(format!(
                    "values.schema.json has a {keyword} to {reference}, which is not followed; \
                     write it as $ref\n"
                ));
            }
            _ => {
                let pairs = match value {
                    Json::Object(fields) => in_map(keyword, schema, fields),
                    Json::Array(items) => in_list(keyword, schema, items),
                    _ => Vec::new(),
                };
                let here = in_place(keyword, schema).into_iter();
                let pairs = here.map(|schema| (schema, value)).chain(pairs);
                handed.extend(pairs.map(|(schema, value)| Handed {
                    schema,
                    resolver: resolver.clone(),
                    value,
                }));
            }
        }
    }
    Ok(handed)
}

fn in_place<'r>(keyword: &str, schema: &'r Json) -> Vec<&'r Json> {
    match (keyword, schema) {
        ("not" | "if" | "then" | "else", schema) => vec![schema],
        ("allOf" | "anyOf" | "oneOf", Json::Array(schemas)) => schemas.iter().collect(),
        ("dependentSchemas" | "dependencies", Json::Object(schemas)) => schemas.values().collect(),
        _ => Vec::new(),
    }
}

fn in_map<'r, 'v>(
    keyword: &str,
    schema: &'r Json,
    fields: &'v Map<String, Json>,
) -> Vec<(&'r Json, &'v Json)> {
    match (keyword, schema) {
        ("properties", Json::Object(schemas)) => {
            let there = schemas.iter();
            there
                .filter_map(|(name, schema)| Some((schema, fields.get(name)?)))
                .collect()
        }
        ("patternProperties", Json::Object(schemas)) => {
            let all = schemas.values();
            all.flat_map(|schema| fields.values().map(move |value| (schema, value)))
                .collect()
        }
        ("additionalProperties" | "unevaluatedProperties", schema) => {
            fields.values().map(|value| (schema, value)).collect()
        }
        ("propertyNames", schema) => fields.values().map(|_| (schema, &NAME)).collect(),
        _ => Vec::new(),
    }
}

fn in_list<'r, 'v>(
    keyword: &str,
    schema: &'r Json,
    items: &'v [Json],
) -> Vec<(&'r Json, &'v Json)> {
    match (keyword, schema) {
        ("items" | "prefixItems", Json::Array(schemas)) => schemas.iter().zip(items).collect(),
        ("items" | "additionalItems" | "unevaluatedItems" | "contains", schema) => {
            items.iter().map(|value| (schema, value)).collect()
        }
        _ => Vec::new(),
    }
}
