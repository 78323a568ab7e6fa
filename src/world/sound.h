/*
 * sound.h - what a stored record may hold.
 *
 * The engine trusts the decoders in front of it: ranges of numbers, known words, texts that end. A
 * database may have been damaged, so records that come out of one are looked at first.
 */
#ifndef WORLD_SOUND_H
#define WORLD_SOUND_H

/* The first field of an event, a turn or a restored order that no decoder of ours would let
 * through; NULL: there is none. Other records are only compared, never computed with. */
const char *record_fault(const void *record);

#endif
