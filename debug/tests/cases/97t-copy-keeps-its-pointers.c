// expect: trap
// linker: lld-pie
// ld: pie.ld
// words: copied itself to 0x80800000; 2 of its 2 relocations; apply .rela.dyn again
// cflags: -O1 -fpie
// why: It applies its relocations, copies itself, clears where it was, and goes on in the copy, whose pointers lead to where it was.
#define HID __attribute__((visibility("hidden")))
typedef struct { long offset, info, addend; } Rela;
extern Rela __rela[] HID, __rela_end[] HID; extern long __bss[] HID, __bss_end[] HID, __stack_bottom[] HID;
static long table[128];
static void one(void) { table[1]++; }
static void two(void) { table[2]++; }
static void (*volatile handlers[])(void) = {one, two};
static volatile long *const old = (long *)0x80200000;
static volatile long *const copy = (long *)0x80800000;
__attribute__((naked, section(".text.boot"))) void boot(void) { __asm__("lla sp, __stack_top\n j main"); }
HID __attribute__((noinline)) void second(void) {
    for (long i = 0; i < 256; i++) old[i] = 0;
    for (int i = 0; i < 2; i++) handlers[i]();
    for (;;) __asm__ volatile("wfi");
}
HID void main(void) {
    for (Rela *r = __rela; r < __rela_end; r++)
        if (r->info == 3) *(long *)r->offset = r->addend;
    for (volatile long *p = __bss; p < __bss_end; p++) *p = 0;
    long size = (long)__bss_end - (long)old;
    for (long i = 0; i < size / 8; i++) copy[i] = old[i];
    __asm__ volatile("fence.i");
    ((void (*)(void))((long)second + ((long)copy - (long)old)))();
}
