//! Lengths rounded up to buckets, so that they say little about the content: `80`, then zeros, after the content.

/// Buckets of sealed requests and their replies, in bytes.
pub const REQUEST_BUCKETS: &[usize] = &[2048, 4096, 8192, 16_384, 32_768, 65_536];
/// Buckets of messages within an association, in bytes.
pub const ASSOCIATION_BUCKETS: &[usize] = &[64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_024];

/// Why something cannot be padded, or is not padded rightly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PaddingError {
    /// More than fits the largest bucket.
    #[error("{size} bytes, expected at most {limit}")]
    TooLarge {
        /// Bytes of content.
        size: usize,
        /// The largest content.
        limit: usize,
    },
    /// The length is no bucket's, or larger than the content needs, or the filling is not `80` and zeros.
    #[error("padding is not the one that the content needs")]
    Invalid,
}

/// Pads to the smallest bucket that holds the content and one byte.
///
/// # Errors
/// [`PaddingError::TooLarge`].
pub fn pad(mut content: Vec<u8>, buckets: &[usize]) -> Result<Vec<u8>, PaddingError> {
    let limit = buckets.last().map_or(0, |largest| largest - 1);
    let bucket = bucket(content.len(), buckets).ok_or(PaddingError::TooLarge { size: content.len(), limit })?;
    content.push(0x80);
    content.resize(bucket, 0);
    Ok(content)
}

/// Takes the padding off.
///
/// # Errors
/// [`PaddingError::Invalid`].
pub fn unpad(mut padded: Vec<u8>, buckets: &[usize]) -> Result<Vec<u8>, PaddingError> {
    let end = padded.iter().rposition(|byte| *byte != 0).ok_or(PaddingError::Invalid)?;
    if padded.get(end) != Some(&0x80) || bucket(end, buckets) != Some(padded.len()) {
        return Err(PaddingError::Invalid);
    }
    padded.truncate(end);
    Ok(padded)
}

fn bucket(content: usize, buckets: &[usize]) -> Option<usize> {
    buckets.iter().copied().find(|bucket| content < *bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_comes_back_and_only_from_its_own_bucket() {
        for size in [0, 1, 62, 63, 64, 127, 128, 65_023] {
            let content = vec![0; size];
            let padded = pad(content.clone(), ASSOCIATION_BUCKETS).unwrap();
            assert!(ASSOCIATION_BUCKETS.contains(&padded.len()));
            assert_eq!(unpad(padded, ASSOCIATION_BUCKETS), Ok(content));
        }
        let too_large = PaddingError::TooLarge { size: 65_024, limit: 65_023 };
        assert_eq!(pad(vec![0; 65_024], ASSOCIATION_BUCKETS), Err(too_large));
        let mut larger = pad(vec![1; 10], ASSOCIATION_BUCKETS).unwrap();
        larger.resize(128, 0);
        assert_eq!(unpad(larger, ASSOCIATION_BUCKETS), Err(PaddingError::Invalid));
        assert_eq!(unpad(vec![0; 64], ASSOCIATION_BUCKETS), Err(PaddingError::Invalid));
    }
}
