//! Sealing: a record opens only in the place it was sealed for.
//!
//! ```text
//! record key ‖ commitment = HKDF-SHA-256(tenant key; salt = user share ‖ record salt; info = place)
//! record = version ‖ algorithm ‖ key id ‖ record salt ‖ nonce ‖ commitment ‖ ciphertext ‖ tag
//! ```
//! Every record has a key of its own, so the number of records under a tenant key is not bounded by
//! the nonce. AES-GCM alone lets one ciphertext open under two keys; the commitment, compared
//! before decryption, takes that away.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

use crate::keyring::{KEY_ID_LEN, KeyId, TenantKey};

const VERSION: u8 = 1;
const AES_256_GCM_HKDF: u8 = 1;
const SALT_LEN: usize = 16;
const COMMITMENT_LEN: usize = 16;
const KEY_LEN: usize = 32;
const TAG_LEN: usize = 16;
const HEADER_LEN: usize = 2 + KEY_ID_LEN + SALT_LEN + NONCE_LEN + COMMITMENT_LEN;

/// How many random bytes sealing consumes.
pub const SEAL_RANDOM_LEN: usize = SALT_LEN + NONCE_LEN;

/// The only form in which the database takes what must stay secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

/// Random bytes of one user's row. Deleting them makes every record of the user unreadable.
pub struct UserShare(Zeroizing<[u8; 32]>);

/// Where a sealed record stands. Any other place, and it does not open.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// The table.
    pub table: &'a str,
    /// The row.
    pub row: &'a str,
    /// The user it belongs to, or nothing.
    pub user: &'a str,
    /// The connection it came by, or nothing.
    pub connection: &'a str,
    /// The column.
    pub field: &'a str,
    /// The version of the row's content.
    pub generation: i64,
}

/// Why a record does not open. None of them says anything about the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Too short, or of a version or an algorithm that is unknown.
    #[error("the sealed record is malformed")]
    Malformed,
    /// It names a key other than the one it was tried with.
    #[error("the sealed record names another key")]
    WrongKey,
    /// It was moved from another place or altered.
    #[error("the sealed record does not belong here or was altered")]
    NotAuthentic,
}

/// The library refused to work; only a broken build or an absurd length does that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealing failed")]
pub struct SealError;

impl From<aws_lc_rs::error::Unspecified> for SealError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self
    }
}

impl Sealed {
    /// Takes bytes from the database. Whether they open shows later.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes for the database.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The tenant key that the record names.
    pub fn key_id(&self) -> Result<KeyId, OpenError> {
        Ok(Layout::read(&self.0)?.key_id)
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

impl UserShare {
    /// Takes the bytes of the user's row.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes for the user's row.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for UserShare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserShare")
    }
}

/// Seals `plaintext` for its place. What belongs to a user is sealed with the user's share.
pub fn seal(
    key: &TenantKey,
    share: Option<&UserShare>,
    place: &Place<'_>,
    plaintext: &[u8],
    random: [u8; SEAL_RANDOM_LEN],
) -> Result<Sealed, SealError> {
    let (salt, nonce) = random.split_at(SALT_LEN);
    let data = associated_data(key.id(), place);
    let derived = derive(key, share, salt, &data)?;
    let mut record = Vec::with_capacity(HEADER_LEN + plaintext.len() + TAG_LEN);
    record.extend([VERSION, AES_256_GCM_HKDF]);
    record.extend(key.id().as_bytes());
    record.extend(salt);
    record.extend(nonce);
    record.extend(&derived.commitment);
    let mut content = Zeroizing::new(plaintext.to_vec());
    let nonce = Nonce::try_assume_unique_for_key(nonce)?;
    let tag = derived.cipher.seal_in_place_separate_tag(nonce, Aad::from(data), &mut content)?;
    record.extend_from_slice(&content);
    record.extend(tag.as_ref());
    Ok(Sealed(record))
}

/// Opens a record in its place.
pub fn open(
    key: &TenantKey,
    share: Option<&UserShare>,
    place: &Place<'_>,
    sealed: &Sealed,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let layout = Layout::read(&sealed.0)?;
    if layout.key_id != *key.id() {
        return Err(OpenError::WrongKey);
    }
    let data = associated_data(key.id(), place);
    let derived = derive(key, share, layout.salt, &data).or(Err(OpenError::NotAuthentic))?;
    verify_slices_are_equal(&derived.commitment, layout.commitment)
        .or(Err(OpenError::NotAuthentic))?;
    let nonce = Nonce::try_assume_unique_for_key(layout.nonce).or(Err(OpenError::Malformed))?;
    let mut content = Zeroizing::new(layout.ciphertext.to_vec());
    let length = derived
        .cipher
        .open_in_place(nonce, Aad::from(data), &mut content)
        .or(Err(OpenError::NotAuthentic))?
        .len();
    content.truncate(length);
    Ok(content)
}

struct Layout<'a> {
    key_id: KeyId,
    salt: &'a [u8],
    nonce: &'a [u8],
    commitment: &'a [u8],
    ciphertext: &'a [u8],
}

impl<'a> Layout<'a> {
    fn read(record: &'a [u8]) -> Result<Self, OpenError> {
        if record.len() < HEADER_LEN + TAG_LEN {
            return Err(OpenError::Malformed);
        }
        let (head, rest) = record.split_at(2);
        if head != [VERSION, AES_256_GCM_HKDF] {
            return Err(OpenError::Malformed);
        }
        let (key_id, rest) = rest.split_at(KEY_ID_LEN);
        let (salt, rest) = rest.split_at(SALT_LEN);
        let (nonce, rest) = rest.split_at(NONCE_LEN);
        let (commitment, ciphertext) = rest.split_at(COMMITMENT_LEN);
        let key_id = KeyId::from_slice(key_id).ok_or(OpenError::Malformed)?;
        Ok(Self { key_id, salt, nonce, commitment, ciphertext })
    }
}

/// Length-prefixed, never joined: no two places have the same data.
fn associated_data(key_id: &KeyId, place: &Place<'_>) -> Vec<u8> {
    let generation = place.generation.to_be_bytes();
    let parts: [&[u8]; 9] = [
        &[VERSION, AES_256_GCM_HKDF],
        key_id.as_bytes(),
        place.tenant.as_bytes(),
        place.table.as_bytes(),
        place.row.as_bytes(),
        place.user.as_bytes(),
        place.connection.as_bytes(),
        place.field.as_bytes(),
        &generation,
    ];
    parts
        .into_iter()
        .flat_map(|part| (part.len() as u64).to_be_bytes().into_iter().chain(part.iter().copied()))
        .collect()
}

struct Derived {
    cipher: LessSafeKey,
    commitment: [u8; COMMITMENT_LEN],
}

struct OutputLen;

impl KeyType for OutputLen {
    fn len(&self) -> usize {
        KEY_LEN + COMMITMENT_LEN
    }
}

fn derive(
    key: &TenantKey,
    share: Option<&UserShare>,
    record_salt: &[u8],
    info: &[u8],
) -> Result<Derived, SealError> {
    let share: &[u8] = share.map_or(&[], |share| share.as_bytes());
    let salt = Zeroizing::new([share, record_salt].concat());
    let mut output = Zeroizing::new([0_u8; KEY_LEN + COMMITMENT_LEN]);
    Salt::new(HKDF_SHA256, &salt)
        .extract(key.material())
        .expand(&[info], OutputLen)?
        .fill(output.as_mut_slice())?;
    let (record_key, commitment) = output.split_at(KEY_LEN);
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, record_key)?);
    let commitment = commitment.try_into().or(Err(SealError))?;
    Ok(Derived { cipher, commitment })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyring::Purpose;

    const RANDOM: [u8; SEAL_RANDOM_LEN] = [7; SEAL_RANDOM_LEN];
    const PLACE: Place<'static> = Place {
        tenant: "acme",
        table: "connected_accounts",
        row: "cac_1",
        user: "auth0|1",
        connection: "con_1",
        field: "tokens",
        generation: 3,
    };

    fn key(byte: u8) -> TenantKey {
        TenantKey::new(KeyId::new([byte; KEY_ID_LEN]), Purpose::Vault, [byte; 32])
    }

    fn share(byte: u8) -> UserShare {
        UserShare::new([byte; 32])
    }

    fn sealed() -> Sealed {
        seal(&key(1), Some(&share(1)), &PLACE, b"secret", RANDOM).unwrap()
    }

    #[test]
    fn a_record_opens_where_it_was_sealed() {
        let opened = open(&key(1), Some(&share(1)), &PLACE, &sealed()).unwrap();
        assert_eq!(opened.as_slice(), b"secret");
        assert!(!sealed().as_bytes().windows(6).any(|window| window == b"secret"));
    }

    #[test]
    fn a_record_opens_in_no_other_place() {
        let check = |place: Place<'_>| {
            let result = open(&key(1), Some(&share(1)), &place, &sealed());
            assert_eq!(result.unwrap_err(), OpenError::NotAuthentic, "{place:?}");
        };
        check(Place { tenant: "other", ..PLACE });
        check(Place { table: "connections", ..PLACE });
        check(Place { row: "cac_2", ..PLACE });
        check(Place { user: "auth0|2", ..PLACE });
        check(Place { connection: "con_2", ..PLACE });
        check(Place { field: "other", ..PLACE });
        check(Place { generation: 4, ..PLACE });
        // The same bytes cut at another border are another place.
        check(Place { tenant: "acmeconnected", table: "_accounts", ..PLACE });
    }

    #[test]
    fn a_record_opens_with_no_other_key_or_share() {
        let wrong_key = open(&key(2), Some(&share(1)), &PLACE, &sealed());
        assert_eq!(wrong_key.unwrap_err(), OpenError::WrongKey);
        let same_id = TenantKey::new(KeyId::new([1; KEY_ID_LEN]), Purpose::Vault, [9; 32]);
        let impostor = open(&same_id, Some(&share(1)), &PLACE, &sealed());
        assert_eq!(impostor.unwrap_err(), OpenError::NotAuthentic);
        let other_user = open(&key(1), Some(&share(2)), &PLACE, &sealed());
        assert_eq!(other_user.unwrap_err(), OpenError::NotAuthentic);
        let no_share = open(&key(1), None, &PLACE, &sealed());
        assert_eq!(no_share.unwrap_err(), OpenError::NotAuthentic);
    }

    #[test]
    fn every_bit_of_a_record_is_guarded() {
        let record = sealed();
        for position in 0..record.as_bytes().len() {
            let mut bytes = record.as_bytes().to_vec();
            bytes[position] ^= 1;
            let result = open(&key(1), Some(&share(1)), &PLACE, &Sealed::from_bytes(bytes));
            assert!(result.is_err(), "bit flipped in byte {position}");
        }
        for length in 0..record.as_bytes().len() {
            let cut = Sealed::from_bytes(record.as_bytes()[..length].to_vec());
            assert!(open(&key(1), Some(&share(1)), &PLACE, &cut).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?} {:?}", sealed(), share(1)), "Sealed(84 bytes) UserShare");
    }
}
