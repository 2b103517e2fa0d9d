//! Values to CBOR.

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{BREAK, Failure, info, major, simple};

/// Appends to a payload.
pub(super) struct Writer<'a>(pub(super) &'a mut Vec<u8>);

/// Writes the items of an array or a map.
pub(super) struct Items<'a> {
    output: &'a mut Vec<u8>,
    /// Whether their number was unknown, so that a break ends them.
    indefinite: bool,
}

impl<'a> Writer<'a> {
    /// The first byte of an item and its argument in as few bytes as it takes (RFC 8949, 4.1).
    fn head(&mut self, major: u8, argument: u64) {
        let big_endian = argument.to_be_bytes();
        let (info, length) = match argument {
            0..24 => (argument as u8, 0),
            24..0x100 => (info::ONE_BYTE, 1),
            0x100..0x1_0000 => (info::TWO_BYTES, 2),
            0x1_0000..0x1_0000_0000 => (info::FOUR_BYTES, 4),
            _ => (info::EIGHT_BYTES, 8),
        };
        self.0.push(major << 5 | info);
        self.0.extend(big_endian.iter().skip(8 - length));
    }

    fn simple(&mut self, value: u8) {
        self.head(major::SIMPLE, value.into());
    }

    fn text(&mut self, text: &str) {
        self.head(major::TEXT, text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn items(mut self, major: u8, length: Option<usize>) -> Items<'a> {
        match length {
            Some(length) => self.head(major, length as u64),
            None => self.0.push(major << 5 | info::INDEFINITE),
        }
        Items { output: self.0, indefinite: length.is_none() }
    }

    /// A map from the variant's name to what follows.
    fn variant(&mut self, name: &str) {
        self.head(major::MAP, 1);
        self.text(name);
    }
}

impl Items<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Failure> {
        item.serialize(Writer(self.output))
    }

    fn close(self) -> Result<(), Failure> {
        if self.indefinite {
            self.output.push(BREAK);
        }
        Ok(())
    }
}

macro_rules! unsigned {
    ($($method:ident $type:ty,)*) => {$(
        fn $method(mut self, value: $type) -> Result<(), Failure> {
            self.head(major::UNSIGNED, value.into());
            Ok(())
        }
    )*};
}

macro_rules! signed {
    ($($method:ident $type:ty,)*) => {$(
        fn $method(self, value: $type) -> Result<(), Failure> {
            self.serialize_i64(value.into())
        }
    )*};
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Failure;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Items<'a>;
    type SerializeTupleVariant = Items<'a>;
    type SerializeMap = Items<'a>;
    type SerializeStruct = Items<'a>;
    type SerializeStructVariant = Items<'a>;

    unsigned! { serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, }
    signed! { serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, }

    fn serialize_i64(mut self, value: i64) -> Result<(), Failure> {
        match u64::try_from(value) {
            Ok(value) => self.head(major::UNSIGNED, value),
            Err(_) => self.head(major::NEGATIVE, !value as u64),
        }
        Ok(())
    }

    fn serialize_bool(mut self, value: bool) -> Result<(), Failure> {
        self.simple(if value { simple::TRUE } else { simple::FALSE });
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Failure> {
        self.0.push(major::SIMPLE << 5 | info::FOUR_BYTES);
        self.0.extend(value.to_be_bytes());
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Failure> {
        let single = value as f32;
        if f64::from(single).to_bits() == value.to_bits() {
            return self.serialize_f32(single);
        }
        self.0.push(major::SIMPLE << 5 | info::EIGHT_BYTES);
        self.0.extend(value.to_be_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Failure> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(mut self, value: &str) -> Result<(), Failure> {
        self.text(value);
        Ok(())
    }

    fn serialize_bytes(mut self, value: &[u8]) -> Result<(), Failure> {
        self.head(major::BYTES, value.len() as u64);
        self.0.extend_from_slice(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Failure> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Failure> {
        value.serialize(self)
    }

    fn serialize_unit(mut self) -> Result<(), Failure> {
        self.simple(simple::NULL);
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Failure> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Failure> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Failure> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        self.variant(variant);
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Items<'a>, Failure> {
        Ok(self.items(major::ARRAY, length))
    }

    fn serialize_tuple(self, length: usize) -> Result<Items<'a>, Failure> {
        Ok(self.items(major::ARRAY, Some(length)))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Items<'a>, Failure> {
        Ok(self.items(major::ARRAY, Some(length)))
    }

    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Items<'a>, Failure> {
        self.variant(variant);
        Ok(self.items(major::ARRAY, Some(length)))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Items<'a>, Failure> {
        Ok(self.items(major::MAP, length))
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Items<'a>, Failure> {
        Ok(self.items(major::MAP, Some(length)))
    }

    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Items<'a>, Failure> {
        self.variant(variant);
        Ok(self.items(major::MAP, Some(length)))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! items {
    ($($trait:ident $method:ident,)*) => {$(
        impl $trait for Items<'_> {
            type Ok = ();
            type Error = Failure;

            fn $method<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Failure> {
                self.item(item)
            }

            fn end(self) -> Result<(), Failure> {
                self.close()
            }
        }
    )*};
}

macro_rules! fields {
    ($($trait:ident,)*) => {$(
        impl $trait for Items<'_> {
            type Ok = ();
            type Error = Failure;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Failure> {
                self.item(name)?;
                self.item(value)
            }

            fn end(self) -> Result<(), Failure> {
                self.close()
            }
        }
    )*};
}

items! {
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field,
}

fields! { SerializeStruct, SerializeStructVariant, }

impl SerializeMap for Items<'_> {
    type Ok = ();
    type Error = Failure;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failure> {
        self.item(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        self.item(value)
    }

    fn end(self) -> Result<(), Failure> {
        self.close()
    }
}
