-- Loads in a database whose encoding lacks characters of the content.
CREATE DATABASE load_latin1 TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C';
