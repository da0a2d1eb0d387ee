use super::*;

const SPKI: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAq8rjkTHoTztnpMsq4nAX
ZTRJ2qoSxBLXTX4qhk0dW3EeuIYYIc6YU3It7vQYsmSq0CEdnmaTuec/3qYCShPJ
jv8FlVjtqE9nF2FYG3b8E0NbrvX/2d4oiLET8sZUpjV016QvEulaXlscHssIyAKx
Y9KwsaQXB2nobfN6JXlh8qNNb8jxEcXLnN24SsyM2HYY00+8Y6rB4dzMnyTHdoMS
HUBoBQb92a09dbnX2CTy2YVInuwa5SqdrMDHCjYHpeAo7K/1UWiVf3BRryBG1A2W
7EQz3g0pp7on9xFVmVLdvSOBKix144vrVEuHMJHjXs6Z+5LO0PV1WDJp/hpt/Vhh
NwIDAQAB
-----END PUBLIC KEY-----";
const PKCS1: &str = "-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEAq8rjkTHoTztnpMsq4nAXZTRJ2qoSxBLXTX4qhk0dW3EeuIYYIc6Y
U3It7vQYsmSq0CEdnmaTuec/3qYCShPJjv8FlVjtqE9nF2FYG3b8E0NbrvX/2d4o
iLET8sZUpjV016QvEulaXlscHssIyAKxY9KwsaQXB2nobfN6JXlh8qNNb8jxEcXL
nN24SsyM2HYY00+8Y6rB4dzMnyTHdoMSHUBoBQb92a09dbnX2CTy2YVInuwa5Sqd
rMDHCjYHpeAo7K/1UWiVf3BRryBG1A2W7EQz3g0pp7on9xFVmVLdvSOBKix144vr
VEuHMJHjXs6Z+5LO0PV1WDJp/hpt/VhhNwIDAQAB
-----END RSA PUBLIC KEY-----";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIDAzCCAeugAwIBAgIUMFw9epKkCw4ZZv8t5rCmYCkfFdUwDQYJKoZIhvcNAQEL
BQAwETEPMA0GA1UEAwwGd29ya2VyMB4XDTI2MTEyODAxNDUxMFoXDTI3MDkyNDAx
NDUxMFowETEPMA0GA1UEAwwGd29ya2VyMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A
MIIBCgKCAQEAq8rjkTHoTztnpMsq4nAXZTRJ2qoSxBLXTX4qhk0dW3EeuIYYIc6Y
U3It7vQYsmSq0CEdnmaTuec/3qYCShPJjv8FlVjtqE9nF2FYG3b8E0NbrvX/2d4o
iLET8sZUpjV016QvEulaXlscHssIyAKxY9KwsaQXB2nobfN6JXlh8qNNb8jxEcXL
nN24SsyM2HYY00+8Y6rB4dzMnyTHdoMSHUBoBQb92a09dbnX2CTy2YVInuwa5Sqd
rMDHCjYHpeAo7K/1UWiVf3BRryBG1A2W7EQz3g0pp7on9xFVmVLdvSOBKix144vr
VEuHMJHjXs6Z+5LO0PV1WDJp/hpt/VhhNwIDAQABo1MwUTAdBgNVHQ4EFgQUlhSM
AX6tGEFZvviTXpI3x37hkwYwHwYDVR0jBBgwFoAUlhSMAX6tGEFZvviTXpI3x37h
kwYwDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0BAQsFAAOCAQEAMBU2iLYoEjoj
imtpIiruTHF2Q3eM3rjwRlN3ooveslI0cL07g7u7R8Am4zNfhTC+nsBTBGE2ONxh
4/U+gp0U/+8v/AMmGv51JuGGqyI+4CmINgQ4eJQ6GPtjUnh49xr2/oNk8Qp2r6jb
Emq/rXzRZbDr0PZ8kH93kBGQ3KhRCQN6+7RQh6DnFmB7CNmPC7ULkuGowuDZ20xd
VSFAv74/9BVqtO3a2BU+sRPHuDOmeugjphaZzS57iXyHrvTj+nFaPzXTZQCIO0t1
AH7Gs6O/YmiUY+O/qndKrS3xMTAPZW9dL7ajG8TpdN9y6LSbS6fbnTehLyd17nyE
cOMKz5rfjQ==
-----END CERTIFICATE-----";
const P256: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAExSV+E2I7Bf6QzIibloe4I3izPoou
zWK49UT4/eMgguc4Z3kZ23WNRfm/va8Gc8hKWsA7TJy8rYpQLJ/OwaOguw==
-----END PUBLIC KEY-----";
const P384: &str = "-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEbMb+0QtCJLXxj0G/kaaCoZ8cuT77anl3
Vn+5yx9kNnIXZOKWhaGoIHlXDWnw4xQCW+uBC+7U5fHNmqDfim34tzSgYVHNJutY
xaqKzAvkdRYqNqJR7AmF2nSVBoE/vlFz
-----END PUBLIC KEY-----";
const RSA_1024: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCsKfBin4AUi0MmMgGP1APN5JGe
rW8U3VKit6nMJFB6z+NrEupC+PsFuRJc0GJHevSdTQgVGb9iB5tAQMHHA9HZw6sF
pzqtuuz4atK+qohoNVeyYJ1OeLzW//u2cWPgwtSi4zCM6Y2d9LF9nt8nHpxtmMmb
jfQhJbP+1A8dIMiZfwIDAQAB
-----END PUBLIC KEY-----";

#[test]
fn one_key_in_three_spellings() {
    let spki = read_public_key(SPKI, Algorithm::Rs256).unwrap();
    assert_eq!(spki.not_after, None);
    assert_eq!(read_public_key(PKCS1, Algorithm::Rs256).unwrap(), spki);
    // Carriage returns, and text around the block, are usual.
    let around = format!("subject=worker\r\n{}\r\n", SPKI.replace('\n', "\r\n"));
    assert_eq!(read_public_key(&around, Algorithm::Rs256).unwrap(), spki);
    let certificate = read_public_key(CERTIFICATE, Algorithm::Rs256).unwrap();
    assert_eq!(certificate.key, spki.key);
    let ends = certificate.not_after.unwrap();
    assert_eq!(ends.to_rfc3339(), "2027-09-24T01:45:10.000Z");
}

#[test]
fn a_key_is_for_one_algorithm() {
    for algorithm in [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Ps256] {
        let key = read_public_key(SPKI, algorithm).unwrap().key;
        let fitting: Vec<_> = Algorithm::ALL.into_iter().filter(|any| key.fits(*any)).collect();
        assert_eq!(fitting, [algorithm]);
        assert_eq!(read_public_key(P256, algorithm), Err(PemError::WrongAlgorithm));
    }
    assert!(read_public_key(P256, Algorithm::Es256).is_ok());
    assert_eq!(read_public_key(SPKI, Algorithm::Es256), Err(PemError::WrongAlgorithm));
}

#[test]
fn what_is_no_public_key_is_refused_by_cause() {
    let check = |pem: &str, expected| {
        assert_eq!(read_public_key(pem, Algorithm::Rs256), Err(expected), "{pem}");
    };
    check("", PemError::NotPem);
    check("-----BEGIN PUBLIC KEY-----", PemError::NotPem);
    check(&SPKI.replace("PUBLIC KEY", "PRIVATE KEY"), PemError::PrivateKey);
    check(&SPKI.replace("PUBLIC KEY", "RSA PRIVATE KEY"), PemError::PrivateKey);
    check(&SPKI.replace("PUBLIC KEY", "CERTIFICATE REQUEST"), PemError::NotAPublicKey);
    check(&SPKI.replace("PUBLIC KEY", "CERTIFICATE"), PemError::NotDer);
    check(&format!("{SPKI}\n{SPKI}"), PemError::Several);
    check(RSA_1024, PemError::Key(JwkError::BadModulus));
    check(&"x".repeat(PEM_BYTES_MAX + 1), PemError::TooLong);
    assert!(matches!(read_public_key(P384, Algorithm::Es256), Err(PemError::Key(_))));
}
