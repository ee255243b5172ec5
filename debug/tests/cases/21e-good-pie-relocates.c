// expect: pass
// linker: lld-pie
// ld: pie.ld
// cflags: -O1 -fpie
// why: A position-independent kernel, ET_DYN. It applies its relocations itself, first of all.
#define HID __attribute__((visibility("hidden")))
typedef struct { long offset, info, addend; } Rela;
extern Rela __rela[] HID, __rela_end[] HID; extern long __bss[] HID, __bss_end[] HID;
static long table[128];
static void one(void) { table[1]++; }
static void two(void) { table[2]++; }
static void (*volatile handlers[])(void) = {one, two};
__attribute__((naked, section(".text.boot"))) void boot(void) { __asm__("lla sp, __stack_top\n j main"); }
HID void main(void) {
    for (Rela *r = __rela; r < __rela_end; r++)
        if (r->info == 3) *(long *)r->offset = r->addend;
    for (volatile long *p = __bss; p < __bss_end; p++) *p = 0;
    for (int i = 0; i < 2; i++) handlers[i]();
    for (;;) __asm__ volatile("wfi");
}
