//! A frame on the wire: its length, four bytes big-endian, and that many bytes.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// The largest frame.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

/// How long one frame may take to be written, or to come in once it has begun.
pub(super) const STALL: Duration = Duration::from_millis(if cfg!(test) { 500 } else { 5_000 });

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("a frame of {0} bytes, where 1 to {FRAME_BYTES_MAX} are expected")]
    Length(usize),
    #[error("the end in the middle of a frame")]
    Half,
    #[error("no progress for {} ms", STALL.as_millis())]
    Stalled,
    #[error("it reads too slowly: more frames wait for it than are kept")]
    Overrun,
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The next frame; `None` at a clean end. To be cut off between two frames only.
pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> Result<Option<Vec<u8>>, Broken> {
    let mut length = [0; 4];
    match from.read(&mut length).await? {
        0 => return Ok(None),
        4 => {}
        got => rest(from, length.get_mut(got..).unwrap_or_default()).await?,
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if !(1..=FRAME_BYTES_MAX).contains(&length) {
        return Err(Broken::Length(length));
    }
    let mut frame = vec![0; length];
    rest(from, &mut frame).await?;
    Ok(Some(frame))
}

async fn rest(from: &mut (impl AsyncRead + Unpin), into: &mut [u8]) -> Result<(), Broken> {
    match timeout(STALL, from.read_exact(into)).await {
        Err(_) => Err(Broken::Stalled),
        Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Broken::Half),
        Ok(Err(error)) => Err(error.into()),
        Ok(Ok(_)) => Ok(()),
    }
}

/// Writes one frame of at most [`FRAME_BYTES_MAX`].
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> Result<(), Broken> {
    let length = u32::try_from(frame.len()).map_err(|_| Broken::Length(frame.len()))?;
    let whole = async {
        to.write_all(&length.to_be_bytes()).await?;
        to.write_all(frame).await?;
        to.flush().await
    };
    timeout(STALL, whole).await.map_err(|_| Broken::Stalled)?.map_err(Broken::Io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_out_as_they_went_in() {
        let mut wire = Vec::new();
        for frame in [&b"a"[..], &[7; FRAME_BYTES_MAX]] {
            write(&mut wire, frame).await.unwrap();
        }
        let mut wire = wire.as_slice();
        assert_eq!(read(&mut wire).await.unwrap().unwrap(), b"a");
        assert_eq!(read(&mut wire).await.unwrap().unwrap().len(), FRAME_BYTES_MAX);
        assert!(read(&mut wire).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_is_no_frame_is_refused() {
        let too_long = u32::try_from(FRAME_BYTES_MAX + 1).unwrap().to_be_bytes();
        for length in [too_long, [0; 4], [255; 4]] {
            assert!(matches!(read(&mut &length[..]).await, Err(Broken::Length(_))), "{length:?}");
        }
        for half in [&[0, 0][..], &[0, 0, 0, 2], &[0, 0, 0, 2, 1]] {
            assert!(matches!(read(&mut &half[..]).await, Err(Broken::Half)), "{half:?}");
        }
    }

    #[tokio::test]
    async fn a_frame_that_does_not_come_to_its_end_is_given_up() {
        let (mut theirs, mut ours) = tokio::io::duplex(64);
        theirs.write_all(&[0, 0, 0, 9, 1]).await.unwrap();
        assert!(matches!(read(&mut ours).await, Err(Broken::Stalled)));
    }
}
