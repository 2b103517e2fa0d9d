//! The files of a new AE.

/// `Cargo.toml` of an AE called `name`, with the SDK in the folder `sdk` (absolute, or relative to the new file).
pub fn manifest(name: &str, sdk: &str) -> String {
    fill(include_str!("../templates/Cargo.toml.txt"), name).replace("{{sdk}}", sdk)
}

/// `src/lib.rs` of an AE called `name`: it logs at every beat of `$timer/hello` and answers on `NAME/echo`.
pub fn library(name: &str) -> String {
    fill(include_str!("../templates/lib.rs.txt"), name)
}

/// Whether `name` can be that of an AE and of its package: lower-case letters, digits and inner hyphens, a letter first.
pub fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(allowed)
        && !name.ends_with('-')
        && !name.contains("--")
}

fn fill(template: &str, name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    let entity: String = words.collect();
    template.replace("{{name}}", name).replace("{{entity}}", &entity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_filled() {
        let manifest = manifest("leak-detector", "../guest-sdk");
        assert!(manifest.contains("name = \"leak-detector\""));
        assert!(manifest.contains("path = \"../guest-sdk\""));
        let library = library("leak-detector");
        assert!(library.contains("ae!(LeakDetector);"));
        assert!(library.contains("\"leak-detector/echo\""));
        assert!(!manifest.contains("{{") && !library.contains("{{"));
    }

    #[test]
    fn a_name_fits_a_package_and_a_topic() {
        for good in ["a", "meter", "leak-detector", "m2"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "A", "2m", "a/b", "a_b", "é"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
