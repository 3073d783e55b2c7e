/** This library and its version, as peers see it. A test holds it against package.json. */
export const VERSION = "0.1.0";
export const SOFTWARE = `clusterts ${VERSION}`;
