/* Ends a process as Windows' console does: `event.exe PID EVENT` runs the system's routine for the event (0 Ctrl+C, 1 Ctrl+Break, 2 a closed window,
 * 5 a logoff, 6 a shutdown) on a thread in that process, and prints the time of day in microseconds just before. Wine's own console sends Ctrl+C only. */
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

int main(int count, char **words) {
  if (count != 3) return fprintf(stderr, "event.exe PID EVENT\n"), 2;
  HANDLE process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, strtoul(words[1], NULL, 10));
  FARPROC routine = GetProcAddress(GetModuleHandleA("kernelbase.dll"), "CtrlRoutine");
  if (!process || !routine) return fprintf(stderr, "no process or no routine: %lu\n", GetLastError()), 1;
  FILETIME now;
  GetSystemTimePreciseAsFileTime(&now);
  unsigned long long since_1601 = ((unsigned long long)now.dwHighDateTime << 32 | now.dwLowDateTime) / 10;
  HANDLE thread = CreateRemoteThread(process, NULL, 0, (LPTHREAD_START_ROUTINE)routine, (void *)strtoull(words[2], NULL, 10), 0, NULL);
  if (!thread) return fprintf(stderr, "no thread: %lu\n", GetLastError()), 1;
  printf("%llu\n", since_1601 - 11644473600000000ULL);
  return 0;
}
