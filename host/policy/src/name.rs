//! Names that capability files use for AEs and services.

/// An AE's name: 1 to 64 of a-z, 0-9, `-`, `_` and `.`, the first a letter or digit.
pub(crate) fn is_name(text: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let continues_well = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'));
    text.len() <= 64 && starts_well && continues_well
}

/// `service/operation`, each part like an AE's name.
pub(crate) fn is_service(text: &str) -> bool {
    text.split_once('/').is_some_and(|(service, operation)| is_name(service) && is_name(operation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_what_is_none() {
        for name in ["meter", "leak-detector", "zone-4.a_b", "7"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "-a", "Meter", "a b", "a/b", "*", &"a".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_service("metering/report"));
        for service in ["metering", "metering/", "/report", "a/b/c"] {
            assert!(!is_service(service), "{service}");
        }
    }
}
