//! Hashes and passwords.

use aes::Aes256;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blowfish::Blowfish;
use hmac::{Hmac, KeyInit, Mac};
use rsa_new::sha2::{Digest, Sha256, Sha512};
use sha1::Sha1;

use crate::engine::Context;
use crate::fault::Fault;
use crate::functions::arguments::{int, string, text};
use crate::functions::{Function, Parameter};
use crate::value::Value;

use Parameter::{Text, Uint32};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("sha1sum", &[Text], |_, a| {
        Ok(Value::text(hex::encode(Sha1::digest(
            text(a, 0)?.as_bytes(),
        ))))
    }),
    Function::new("sha256sum", &[Text], |_, a| {
        Ok(Value::text(hex::encode(Sha256::digest(
            text(a, 0)?.as_bytes(),
        ))))
    }),
    Function::new("sha512sum", &[Text], |_, a| {
        Ok(Value::text(hex::encode(Sha512::digest(
            text(a, 0)?.as_bytes(),
        ))))
    }),
    Function::new("adler32sum", &[Text], |_, a| {
        Ok(Value::text(adler32(text(a, 0)?.as_bytes()).to_string()))
    }),
    Function::new("bcrypt", &[Text], |context, a| {
        Ok(Value::text(bcrypt(context, text(a, 0)?.as_bytes())))
    }),
    Function::new("htpasswd", &[Text, Text], |context, a| {
        let user = string(a, 0)?;
        if user.contains(':') {
            return Ok(Value::text(format!("invalid username: {user}")));
        }
        let hash = bcrypt(context, text(a, 1)?.as_bytes());
        Ok(Value::text(format!("{user}:{hash}")))
    }),
    Function::new(
        "derivePassword",
        &[Uint32, Text, Text, Text, Text],
        derive_password,
    ),
    Function::new("encryptAES", &[Text, Text], encrypt),
    Function::new("decryptAES", &[Text, Text], decrypt),
];

fn adler32(bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (1u32, 0u32);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65521;
        high = (high + low) % 65521;
    }
    high << 16 | low
}

/// How often bcrypt repeats itself: two to this power, Go's default.
const BCRYPT_COST: u32 = 10;

/// The longest password bcrypt takes.
const BCRYPT_LONGEST: usize = 72;

/// bcrypt's own order of base64's letters.
const BCRYPT_LETTERS: &[u8; 64] =
    b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

fn bcrypt(context: &Context<'_>, password: &[u8]) -> String {
    if password.len() > BCRYPT_LONGEST {
        return "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes"
            .to_owned();
    }
    let mut salt = [0; 16];
    context.engine.surroundings.fill_random(&mut salt);
    let mut key = password.to_vec();
    key.push(0);
    let mut state: Blowfish = Blowfish::bc_init_state();
    state.salted_expand_key(&salt, &key);
    for _ in 0..1u32 << BCRYPT_COST {
        state.bc_expand_key(&key);
        state.bc_expand_key(&salt);
    }
    let mut words = [
        0x4f72_7068,
        0x6561_6e42,
        0x6568_6f6c,
        0x6465_7253,
        0x6372_7944,
        0x6f75_6274,
    ];
    for _ in 0..64 {
        for pair in words.chunks_exact_mut(2) {
            if let [left, right] = pair {
                [*left, *right] = state.bc_encrypt([*left, *right]);
            }
        }
    }
    let hash: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    let hash = hash.get(..23).unwrap_or_default();
    format!(
        "$2a${BCRYPT_COST}${}{}",
        bcrypt_base64(&salt),
        bcrypt_base64(hash)
    )
}

fn bcrypt_base64(bytes: &[u8]) -> String {
    let mut encoded = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0usize, |bits, index| {
            bits << 8 | usize::from(chunk.get(index).copied().unwrap_or(0))
        });
        for index in 0..=chunk.len() {
            let letter = BCRYPT_LETTERS.get(bits >> (18 - 6 * index) & 63);
            encoded.extend(letter.map(|letter| char::from(*letter)));
        }
    }
    encoded
}

/// Templates of the Master Password algorithm, each letter a class of characters.
fn templates(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        "long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        "medium" => &["CvcnoCvc", "CvcCvcno"],
        "short" => &["Cvcn"],
        "basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        "pin" => &["nnnn"],
        _ => return None,
    })
}

fn characters(class: char) -> &'static [u8] {
    match class {
        'V' => b"AEIOU",
        'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        'v' => b"aeiou",
        'c' => b"bcdfghjklmnpqrstvwxyz",
        'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        'n' => b"0123456789",
        'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

const PASSWORD_SEED: &[u8] = b"com.lyndir.masterpassword";

fn derive_password(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let kind = string(arguments, 1)?;
    let Some(templates) = templates(&kind) else {
        return Ok(Value::text(format!("cannot find password template {kind}")));
    };
    let (password, user, site) = (
        text(arguments, 2)?,
        text(arguments, 3)?,
        text(arguments, 4)?,
    );
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    let user = user.as_bytes();
    let salt = [PASSWORD_SEED, &length(user), user].concat();
    let failed = |error: String| Fault::new(format!("failed to derive password: {error}"));
    let parameters = scrypt::Params::new(15, 8, 2).map_err(|error| failed(error.to_string()))?;
    let mut key = [0; 64];
    scrypt::scrypt(password.as_bytes(), &salt, &parameters, &mut key)
        .map_err(|error| failed(error.to_string()))?;
    let counter = u32::try_from(int(arguments, 0)?).unwrap_or(0).to_be_bytes();
    let site = site.as_bytes();
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key)
        .map_err(|error| failed(error.to_string()))?;
    mac.update(&[PASSWORD_SEED, &length(site), site, &counter].concat());
    let seed = mac.finalize().into_bytes();
    let mut seed = seed.iter().map(|byte| usize::from(*byte));
    let first = seed.next().unwrap_or(0);
    let template = templates.get(first % templates.len()).copied();
    let derived: Vec<u8> = template
        .unwrap_or_default()
        .chars()
        .zip(seed)
        .filter_map(|(class, number)| {
            let characters = characters(class);
            characters.get(number % characters.len()).copied()
        })
        .collect();
    Ok(Value::text(derived))
}

/// A password as a key: cut or filled with zeros to 32 bytes.
fn aes_key(password: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    for (slot, byte) in key.iter_mut().zip(password) {
        *slot = *byte;
    }
    key
}

const AES_BLOCK: usize = 16;

fn encrypt(context: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let plain = text(arguments, 1)?;
    if plain.is_empty() {
        return Ok(Value::text(""));
    }
    let mut content = plain.as_bytes().to_vec();
    let padding = AES_BLOCK - content.len() % AES_BLOCK;
    content.resize(content.len() + padding, padding as u8);
    let mut vector = [0; AES_BLOCK];
    context.engine.surroundings.fill_random(&mut vector);
    let key = aes_key(text(arguments, 0)?.as_bytes());
    let cipher = cbc::Encryptor::<Aes256>::new(&key.into(), &vector.into());
    let encrypted = cipher.encrypt_padded_vec::<NoPadding>(&content);
    Ok(Value::text(
        STANDARD.encode([&vector[..], &encrypted].concat()),
    ))
}

fn decrypt(_: &Context<'_>, arguments: &[Value]) -> Result<Value, Fault> {
    let encoded = text(arguments, 1)?;
    if encoded.is_empty() {
        return Ok(Value::text(""));
    }
    let bytes = STANDARD.decode(encoded.as_bytes()).map_err(|_| {
        Fault::new("illegal base64 data: what is decrypted must come from encryptAES")
    })?;
    let broken = || Fault::new("crypto/cipher: input not full blocks");
    let (vector, content) = bytes.split_at_checked(AES_BLOCK).ok_or_else(broken)?;
    let vector = <[u8; AES_BLOCK]>::try_from(vector).map_err(|_| broken())?;
    let key = aes_key(text(arguments, 0)?.as_bytes());
    let cipher = cbc::Decryptor::<Aes256>::new(&key.into(), &vector.into());
    let mut plain = cipher
        .decrypt_padded_vec::<NoPadding>(content)
        .map_err(|_| broken())?;
    let padding = plain.last().copied().map_or(0, usize::from);
    let Some(length) = plain.len().checked_sub(padding) else {
        return Err(Fault::new("runtime error: slice bounds out of range"));
    };
    plain.truncate(length);
    Ok(Value::text(plain))
}
