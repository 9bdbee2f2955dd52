//! Archives of one file each (gz, zst, bz2, xz), known by their first bytes and unpacked step by step.
//!
//! In: compressed bytes. Out: what they unpack to, up to the very byte where something is wrong. It opens no file.

use flate2::{Decompress, FlushDecompress};
use zstd::stream::raw::{self as zst, InBuffer, Operation, OutBuffer};

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Packing {
    Plain,
    Gz,
    Zst,
    Bz2,
    Xz,
}

/// How a file is packed by its first bytes; an error names the kind that isn't read.
pub(super) fn packing(head: &[u8]) -> Result<Packing, &'static str> {
    Ok(match head {
        [0x1f, 0x8b, ..] => Packing::Gz,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zst,
        // A skippable frame, as parallel compressors begin with.
        [low, 0x2a, 0x4d, 0x18, ..] if low & 0xf0 == 0x50 => Packing::Zst,
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..]
        | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, ..] => Packing::Bz2,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Packing::Xz,
        [0x1f, 0x9d, ..] => return Err("packed by compress"),
        [b'P', b'K', 3, 4, ..] => return Err("a zip archive"),
        [0x04, 0x22, 0x4d, 0x18, ..] => return Err("packed by lz4"),
        [b'7', b'z', 0xbc, 0xaf, ..] => return Err("a 7z archive"),
        [0x89, b'L', b'Z', b'O', 0, ..] => return Err("packed by lzop"),
        _ => Packing::Plain,
    })
}

/// What one step did.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) taken: usize,
    pub(super) given: usize,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    /// More input is needed, or room for output.
    Going,
    /// An archive ended: another one may follow.
    Ended,
    Broken(String),
}

pub(super) struct Unpacker {
    codec: Codec,
    /// zst: how many bytes it wants next, which keeps a step to one block.
    wants: usize,
}

enum Codec {
    Gz(Box<Decompress>),
    Zst(Box<zst::Decoder<'static>>),
    Bz2(Box<bzip2::Decompress>),
    Xz(Box<liblzma::stream::Stream>),
}

impl Unpacker {
    /// `memory`: the most bytes it may ask for.
    pub(super) fn new(packing: Packing, memory: u64) -> Result<Option<Self>, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let codec = match packing {
            Packing::Plain => return Ok(None),
            Packing::Gz => Codec::Gz(Box::new(Decompress::new_gzip(15))),
            Packing::Zst => {
                let mut decoder = zst::Decoder::new().map_err(|e| text(&e))?;
                let window = memory.max(1 << 10).ilog2().min(31);
                let most = zst::DParameter::WindowLogMax(window);
                decoder.set_parameter(most).map_err(|e| text(&e))?;
                Codec::Zst(Box::new(decoder))
            }
            Packing::Bz2 => Codec::Bz2(Box::new(bzip2::Decompress::new(false))),
            Packing::Xz => {
                let stream =
                    liblzma::stream::Stream::new_stream_decoder(memory, liblzma::stream::CONCATENATED);
                Codec::Xz(Box::new(stream.map_err(|e| text(&e))?))
            }
        };
        Ok(Some(Self { codec, wants: usize::MAX }))
    }

    /// Unpacks from `input` into `output`; `at_end`: no more input follows this. Padding between archives is the
    /// caller's, except in xz, whose decoder does it all.
    pub(super) fn step(&mut self, input: &[u8], at_end: bool, output: &mut [u8]) -> Step {
        match &mut self.codec {
            Codec::Gz(gz) => {
                let (taken, given) = (gz.total_in(), gz.total_out());
                let status = gz.decompress(input, output, FlushDecompress::None);
                let step = step_of(gz.total_in() - taken, gz.total_out() - given);
                match status {
                    Ok(flate2::Status::StreamEnd) => {
                        // A new one: `reset` would forget that it is gz, which is wrapped otherwise than zlib.
                        **gz = Decompress::new_gzip(15);
                        Step { state: State::Ended, ..step }
                    }
                    Ok(_) => step,
                    Err(error) => Step { state: State::Broken(error.to_string()), ..step },
                }
            }
            Codec::Zst(zst) => {
                let (mut from, mut to) =
                    (InBuffer::around(&input[..input.len().min(self.wants)]), OutBuffer::around(output));
                let result = zst.run(&mut from, &mut to);
                let step = step_of(from.pos() as u64, to.pos() as u64);
                match result {
                    Ok(0) => {
                        self.wants = usize::MAX;
                        Step { state: State::Ended, ..step }
                    }
                    Ok(wants) => {
                        self.wants = wants;
                        step
                    }
                    Err(error) => Step { state: State::Broken(error.to_string()), ..step },
                }
            }
            Codec::Bz2(bz2) => {
                let (taken, given) = (bz2.total_in(), bz2.total_out());
                let status = bz2.decompress(input, output);
                let step = step_of(bz2.total_in() - taken, bz2.total_out() - given);
                match status {
                    Ok(bzip2::Status::StreamEnd) => {
                        **bz2 = bzip2::Decompress::new(false);
                        Step { state: State::Ended, ..step }
                    }
                    Ok(bzip2::Status::MemNeeded) => {
                        Step { state: State::Broken("no memory for it".into()), ..step }
                    }
                    Ok(_) => step,
                    Err(error) => Step { state: State::Broken(error.to_string()), ..step },
                }
            }
            Codec::Xz(xz) => {
                use liblzma::stream::{Action, Error, Status};
                let (taken, given) = (xz.total_in(), xz.total_out());
                let status = xz.process(input, output, if at_end { Action::Finish } else { Action::Run });
                let step = step_of(xz.total_in() - taken, xz.total_out() - given);
                match status {
                    Ok(Status::StreamEnd) => Step { state: State::Ended, ..step },
                    Ok(_) => step,
                    Err(Error::MemLimit) => {
                        Step { state: State::Broken("it asks for more memory than allowed".into()), ..step }
                    }
                    Err(error) => Step { state: State::Broken(error.to_string()), ..step },
                }
            }
        }
    }
}

fn step_of(taken: u64, given: u64) -> Step {
    // Both are lengths of parts of slices.
    Step { taken: taken as usize, given: given as usize, state: State::Going }
}
