//! The keys of a bucket, page by page (Amazon S3 API reference, `ListObjectsV2`).

use std::fmt::Write as _;
use std::io::Read as _;

use percent_encoding::{percent_decode_str, utf8_percent_encode};
use serde::Deserialize;

use super::{Bucket, KEY, text_of};
use crate::failure::Failure;

/// Keys asked for at once, which is also the most that S3 gives.
const PAGE: usize = 1000;

/// Pages of one list: twenty times as many objects as the agent takes.
const PAGES: usize = 1000;

/// Bytes of one page: the longest keys, escaped, with what S3 says of each.
const PAGE_BYTES: u64 = 8 * 1024 * 1024;

/// Bytes of the tag of one object: two hexadecimal hashes and a number are the longest that are known.
const TAG_BYTES: usize = 256;

/// The element around a page: another document, or a failure that is told with status 200, is no empty list.
#[derive(Deserialize)]
enum Document {
    ListBucketResult(Page),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    contents: Vec<Content>,
    #[serde(default)]
    is_truncated: bool,
    next_continuation_token: Option<String>,
    encoding_type: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(rename = "Key")]
    key: String,
    #[serde(rename = "ETag")]
    tag: Option<String>,
}

/// The list, a line each. The byte limit of the request holds for what comes of it.
pub(super) fn all(bucket: &mut Bucket<'_>, prefix: &str) -> Result<String, Failure> {
    let mut lines = String::new();
    let mut token: Option<String> = None;
    for _ in 0..PAGES {
        let page = page(bucket, prefix, token.as_deref())?;
        let is_escaped = page.encoding_type.as_deref() == Some("url");
        for Content { key, tag } in page.contents {
            let key = if is_escaped {
                unescaped(bucket, &key)?
            } else {
                key
            };
            let tag = tag.as_deref().map(plain_tag).unwrap_or_default();
            if tag.len() > TAG_BYTES || !tag.bytes().all(|byte| byte.is_ascii_graphic()) {
                let shown = bucket.exchange.shown();
                return Err(Failure::protocol(format!(
                    "{shown} sends an ETag that is none; check that it speaks S3"
                )));
            }
            // Writing into a text cannot fail.
            let _ = writeln!(lines, "{tag} {}", utf8_percent_encode(&key, &KEY));
            if lines.len() as u64 > bucket.exchange.request.byte_limit {
                return Err(bucket.exchange.too_large());
            }
        }
        token = match (page.is_truncated, page.next_continuation_token) {
            (false, _) => return Ok(lines),
            (true, Some(next)) => Some(next),
            (true, None) => return Err(no_list(bucket)),
        };
    }
    let shown = bucket.exchange.shown();
    Err(Failure::refused(format!(
        "{shown} has more than {PAGES} pages of objects"
    )))
}

fn page(bucket: &mut Bucket<'_>, prefix: &str, token: Option<&str>) -> Result<Page, Failure> {
    let size = PAGE.to_string();
    // Sorted by name, as a signature wants them.
    let fields = [
        ("continuation-token", token),
        ("encoding-type", Some("url")),
        ("list-type", Some("2")),
        ("max-keys", Some(size.as_str())),
        ("prefix", Some(prefix)),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| {
        let value = utf8_percent_encode(value?, &super::VALUE);
        Some(format!("{name}={value}"))
    });
    let query = fields.collect::<Vec<_>>().join("&");
    let Some(response) = bucket.ask("", Some(query))? else {
        return Err(no_list(bucket));
    };
    let mut body = Vec::new();
    let mut reader = bucket
        .exchange
        .body_within(response, PAGE_BYTES)?
        .take(PAGE_BYTES + 1);
    let read = reader.read_to_end(&mut body);
    read.map_err(|error| Failure::from_io(error, "reading the list of objects"))?;
    if body.len() as u64 > PAGE_BYTES {
        return Err(bucket.exchange.too_large());
    }
    match text_of(&body).map(quick_xml::de::from_str) {
        Some(Ok(Document::ListBucketResult(page))) => Ok(page),
        _ => Err(no_list(bucket)),
    }
}

fn no_list(bucket: &Bucket<'_>) -> Failure {
    let shown = bucket.exchange.shown();
    Failure::protocol(format!(
        "{shown} sends no list of objects; check that the endpoint speaks S3"
    ))
}

/// As S3 escapes keys: what is no text is no key that anybody can ask for.
fn unescaped(bucket: &Bucket<'_>, key: &str) -> Result<String, Failure> {
    let key = key.replace('+', " ");
    let decoded = percent_decode_str(&key).decode_utf8();
    decoded.map(|key| key.into_owned()).map_err(|_| {
        let shown = bucket.exchange.shown();
        Failure::refused(format!("{shown} has an object whose key is no text"))
    })
}

/// A tag without the quotes around it.
pub(super) fn plain_tag(tag: &str) -> &str {
    let tag = tag.strip_prefix('"').unwrap_or(tag);
    tag.strip_suffix('"').unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_with_and_without_objects() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Name>b</Name><Prefix></Prefix><KeyCount>2</KeyCount><MaxKeys>2</MaxKeys><EncodingType>url</EncodingType>
  <IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b==</NextContinuationToken>
  <Contents><Key>a+b%2Fc</Key><LastModified>x</LastModified><ETag>&quot;e1-2&quot;</ETag><Size>3</Size></Contents>
  <Contents><Key>d</Key><ETag>"e2"</ETag><Owner><ID>me</ID></Owner></Contents>
</ListBucketResult>"#;
        let Document::ListBucketResult(page) = quick_xml::de::from_str(text).unwrap();
        let keys: Vec<&str> = page.contents.iter().map(|one| one.key.as_str()).collect();
        assert_eq!(keys, ["a+b%2Fc", "d"]);
        let tags = page
            .contents
            .iter()
            .map(|one| plain_tag(one.tag.as_deref().unwrap()));
        assert_eq!(tags.collect::<Vec<_>>(), ["e1-2", "e2"]);
        assert_eq!(page.next_continuation_token.as_deref(), Some("a&b=="));
        assert!(page.is_truncated && page.encoding_type.as_deref() == Some("url"));
        let text = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
        let Document::ListBucketResult(page) = quick_xml::de::from_str(text).unwrap();
        assert!(page.contents.is_empty() && !page.is_truncated);
    }
}
