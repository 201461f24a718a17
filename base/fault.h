/*
 * Named fault points, for tests: WALBRIDGE_FAULT="name=crash@3,other=error" makes the third passing of `name` kill the
 * process (SIGKILL) and every passing of `other` return true (the caller then acts as if its operation had failed).
 * Compiled out of release builds (FAULT_POINTS undefined): there fault_hit is constant false.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>

#ifdef FAULT_POINTS
bool fault_hit(const char *name);
#else
#define fault_hit(name) false
#endif

#endif
